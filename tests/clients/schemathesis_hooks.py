"""Hooks for the requests that Schemathesis generates."""

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    """Leaves out `null` where a body is optional: it counts as absent, which the document cannot describe without
    making every generated client handle it."""
    body = case.operation.body
    is_optional = len(body) > 0 and not any(one.is_required for one in body)
    return not (is_optional and case.body is None)
