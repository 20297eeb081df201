"""What each change of a job means for runs of it that are in flight. See ``docs/deploys.md``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spa_runtime.deploys.steps import UNKNOWN
from spa_runtime.deploys.versions import Version

Verdict = Literal["safe", "risky", "breaking"]
VERDICTS: tuple[Verdict, ...] = ("safe", "risky", "breaking")
"""The better ones first."""

CANCEL_FIRST = "Cancel pending and leased runs of it before the deploy"

Job = Mapping[str, Any]
Steps = Mapping[str, Mapping[str, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``job``: its name in the old version, or in the new one if it is new."""

    job: str
    verdict: Verdict
    what: str
    """What has changed, in a few words."""
    means: str
    """What becomes of runs in flight."""
    todo: str | None = None


def worst(changes: list[Change]) -> Verdict:
    """The verdict on all of them together."""
    return max((change.verdict for change in changes), key=VERDICTS.index, default="safe")


def compare(old: Version, new: Version) -> list[Change]:
    """All changes that matter to runs of the old version, job by job."""
    changes: list[Change] = []
    for name, job in old.jobs.items():
        if name in new.jobs:
            changes += _of_job(name, job, new.jobs[name])
        else:
            changes.append(_gone(name, job, new))
    changes += [_new(name) for name in new.jobs if name not in old.jobs]
    return changes


def _new(name: str) -> Change:
    return Change(job=name, verdict="safe", what="new job", means="No run of it is in flight.")


def _gone(name: str, job: Job, new: Version) -> Change:
    same = [other for other, found in new.jobs.items() if found["steps"] == job["steps"] and job["steps"]]
    return Change(
        job=name,
        verdict="breaking",
        what=f"job renamed to {same[0]!r}" if same else "job removed or renamed",
        means="Runs refer to the former name: no code executes them any more. They stay pending, as orphaned.",
        todo=f"{CANCEL_FIRST}, or keep a job of that name until none is left.",
    )


def _of_job(name: str, old: Job, new: Job) -> Iterator[Change]:
    if old["input"] != new["input"]:
        yield _input(name, old["input"], new["input"])
    before, after = ({step["name"]: step for step in job["steps"]} for job in (old, new))
    if before and after and not before.keys() & after.keys() and not _renamed(before, after):
        yield Change(
            job=name,
            verdict="breaking",
            what="rewritten: no step is left",
            means="Runs begin anew with other code, and what their steps have done counts for nothing.",
            todo=f"{CANCEL_FIRST}.",
        )
        return
    yield from _of_steps(name, before, after)


def _input(name: str, old: Any, new: Any) -> Change:
    if _fits(old, new):
        return Change(
            job=name,
            verdict="safe",
            what="input schema",
            means="Inputs of the old form are valid in the new one.",
        )
    return Change(
        job=name,
        verdict="risky",
        what="input schema",
        means="Pending runs have an input of the old form, and fail if it does not fit the new one.",
        todo="Let new fields have defaults and old ones stay, or cancel pending runs.",
    )


def _fits(old: Any, new: Any) -> bool:
    """Whether what was stored with the one schema is valid in the other. False where that is hard to say."""
    if old == new:
        return True
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return False
    before, after = old.get("properties"), new.get("properties")
    others = [
        {key: value for key, value in each.items() if key not in ("properties", "required")}
        for each in (old, new)
    ]
    if before is None or after is None or others[0] != others[1]:
        return False
    is_closed = new.get("additionalProperties") is False
    return (
        {*new.get("required", ())} <= before.keys()
        and not (is_closed and before.keys() - after.keys())
        and all(_fits(before[field], after[field]) for field in before.keys() & after.keys())
    )


def _renamed(before: Steps, after: Steps) -> dict[str, str]:
    """Steps that do the same under another name: new names by old ones."""
    gone = {name: step for name, step in before.items() if name not in after}
    added = {name: step for name, step in after.items() if name not in before}
    by_code = {step["code"]: name for name, step in added.items() if step["code"] is not None}
    return {name: by_code[step["code"]] for name, step in gone.items() if step["code"] in by_code}


def _of_steps(name: str, before: Steps, after: Steps) -> Iterator[Change]:
    renamed = _renamed(before, after)
    for old, new in renamed.items():
        yield Change(
            job=name,
            verdict="risky",
            what=f"step {old!r} renamed to {new!r}",
            means="What it did under its old name is not found: it is executed again.",
            todo="Safe if doing it twice does no harm; or let it keep its name.",
        )
    for step in before:
        if step not in after and step not in renamed:
            yield _safe(name, f"step {step!r} deleted", "What it has done is ignored.")
    for step in after:
        if step not in before and step not in renamed.values():
            yield _safe(name, f"step {step!r} added", "It is executed when a run comes to it.")
    for step in before.keys() & after.keys():
        yield from _of_step(name, step, before[step], after[step])
    kept = [[step for step in steps if step in before and step in after] for steps in (before, after)]
    if kept[0] != kept[1]:
        yield _safe(name, "steps reordered", "Steps are known by their names, whatever their order.")


def _of_step(name: str, step: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old["returns"] != new["returns"] and old["returns"] is not None:
        yield Change(
            job=name,
            verdict="risky",
            what=f"step {step!r} returns {new['returns'] or 'something unnamed'}, not {old['returns']}",
            means="Runs that have done it have a result of the old form: they fail, and name the step.",
            todo="Give the step another name: it is executed again then.",
        )
    elif old["code"] != new["code"]:
        yield _safe(
            name,
            f"step {step!r} changed",
            "Where it is done its output stays; where it is not, new code does it.",
        )
    if step == UNKNOWN:
        yield _safe(
            name, "a step without a fixed name", "Its names can't be read: see yourself that they stay."
        )


def _safe(job: str, what: str, means: str) -> Change:
    return Change(job=job, verdict="safe", what=what, means=means)
