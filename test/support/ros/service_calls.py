"""How a test asks a service: again, when the answer does not come.

A server answers nobody that it has not discovered yet, and a client that finds the server ready
does not know whether the server has found it: on a busy machine such an answer is lost. So all that
is asked here has to bear being asked twice.
"""

import time

ASK_AGAIN_S = 2.0


def answer(executor, ask, limit_s=20.0):
    """What the first future to be done among those of `ask()` holds; fails after `limit_s`."""
    end_s = time.monotonic() + limit_s
    futures = []
    while (now_s := time.monotonic()) < end_s:
        futures.append(ask())
        again_s = min(now_s + ASK_AGAIN_S, end_s)
        while (left_s := again_s - time.monotonic()) > 0.0:
            executor.spin_once(timeout_sec=left_s)
            for future in futures:
                if future.done():
                    return future.result()
    raise AssertionError(f'no answer to {len(futures)} requests in {limit_s:.0f} s')


def call(executor, client, request, limit_s=20.0):
    """The answer of a service, which may still have to appear."""
    assert client.wait_for_service(limit_s), f'{client.srv_name} does not appear'
    return answer(executor, lambda: client.call_async(request), limit_s)
