"""A plugin of pytest: the table of the fault campaign, at the end of a run that had one."""

import json


def table(rows):
    """Return the lines of a table of Markdown.

    Args:
        rows: dicts with the keys 'fault', 'last', 'age_s', 'said' and 'recovered'.
    """
    lines = [
        '| fault | last command | its age | what was said | flies on |',
        '|---|---|---|---|---|',
    ]
    for row in rows:
        age = '' if row['age_s'] is None else f'{row["age_s"]:.2f} s'
        said = ' '.join(str(row['said']).replace('|', '/').split())[:150]
        last = ' '.join(f'{value:g}' for value in row['last'])
        recovered = 'yes' if row['recovered'] else 'NO'
        lines.append(f'| {row["fault"]} | {last} | {age} | {said} | {recovered} |')
    return lines


def pytest_terminal_summary(terminalreporter):
    """Print the rows that the tests have recorded, in whichever worker."""
    reports = [
        report
        for key in ('passed', 'failed')
        for report in terminalreporter.stats.get(key, [])
        if report.when == 'call'
    ]
    rows = [
        (value['number'], value)
        for report in reports
        for name, value in report.user_properties
        if name == 'fault'
    ]
    if rows:
        rows.sort(key=lambda entry: entry[0])
        terminalreporter.section('fault campaign: what left the guard last, and what was said')
        for line in table([row for _, row in rows]):
            terminalreporter.write_line(line)
        failed = {report.nodeid for report in terminalreporter.stats.get('failed', [])}
        counts = {'faults': len(rows), 'failed': sum('campaign' in name for name in failed)}
        terminalreporter.write_line(json.dumps(counts))
