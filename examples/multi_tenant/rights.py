"""Who may do what: the hooks of the handler."""

from dataclasses import replace

from users import User, user_of

from durably_core import Run
from durably_core.asgi import Access, Auth, ForbiddenError, RunFilter, TriggerRequest

ROLES = {"invoice": "clerk", "close-month": "accountant"}
"""What one must be to start or change runs of a job."""

READING = ("read", "steps", "logs", "subscribe", "join")


def on_trigger(user: User, asked: TriggerRequest) -> TriggerRequest:
    """Only those with the role; and whatever labels were asked for, the tenant is the user's own."""
    if ROLES[asked.job_name] not in user.roles:
        raise ForbiddenError(f"To start {asked.job_name} one must be {ROLES[asked.job_name]}.")
    return replace(asked, labels={**asked.labels, "tenant": user.tenant})


def on_run_access(user: User, run: Run, access: Access) -> bool:
    """Runs of the tenant. To cancel, retrigger or delete one, the job's role is needed as well."""
    if run.labels.get("tenant") != user.tenant:
        return False
    return access in READING or ROLES[run.job_name] in user.roles


def scope_runs(user: User, filter: RunFilter) -> RunFilter:
    """Lists and events: whatever was asked for, within the tenant."""
    return replace(filter, labels={**(filter.labels or {}), "tenant": user.tenant})


def key_scope(user: User) -> str:
    """Two tenants may use the same key, and don't learn of each other's."""
    return user.tenant


auth = Auth(
    authenticate=user_of,
    on_trigger=on_trigger,
    on_run_access=on_run_access,
    scope_runs=scope_runs,
    key_scope=key_scope,
)
