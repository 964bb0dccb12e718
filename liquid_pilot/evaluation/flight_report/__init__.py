"""The report of a run as one page: what the pilot saw, what changed, what adapted, what was flown.

`page.write_flight_report` makes report.html from a run folder. `recorder` keeps what the page shows
of a mission, in flight, and `refly` flies a mission of an evaluation again to get the same.
"""
