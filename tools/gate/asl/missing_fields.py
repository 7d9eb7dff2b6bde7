"""Whether a field exists when a state reads it.

A path that selects nothing is `States.Runtime`, which on AWS neither Retry nor Catch can handle, not even
`States.ALL` (AWS: step-functions/latest/dg/concepts-error-handling.html); the interpreters that run offline
let `States.ALL` catch it, so a test would pass. A field is in doubt when

* a Choice tests it with IsPresent;
* an earlier state sets it by ResultPath, on one of its transitions or on one of the paths here;
* it is a field of the execution's input, all of which are optional.

Every path to a state that reads such a field must pass the IsPresent, the state that sets it, or another state
that reads it. This is the usual forward analysis over the states of one
scope: `known` meets by intersection, `perhaps` by union. A state that replaces the whole document starts a
new document, named after that state, of which only the fields that the state selects are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gate.asl.paths import read_by, read_by_rule, replaces_document, set_by
from gate.asl.state_machine import Scope, State, scopes

Paths = frozenset[str]
EXECUTION_INPUT = "$$.Execution.Input."
_INPUT = "input"


@dataclass(frozen=True, slots=True)
class _Fact:
    """What is known when a state is entered."""

    known: Paths
    """These exist, on every path."""
    perhaps: Paths
    """An earlier state may have set these."""
    documents: Paths
    """`$` is one of these."""

    def met(self, other: _Fact | None) -> _Fact:
        if other is None:
            return self
        perhaps, documents = self.perhaps | other.perhaps, self.documents | other.documents
        return _Fact(self.known & other.known, perhaps, documents)

    def plus(self, paths: Paths) -> _Fact:
        return replace(self, known=self.known | paths)


@dataclass(slots=True)
class _Analysis:
    scope: Scope
    facts: dict[str, _Fact] = field(default_factory=dict)

    def run(self) -> None:
        """Spread facts along the transitions until none changes."""
        self.facts = {self.scope.start: _at_start(self.scope)}
        waiting = [self.scope.start]
        while waiting:
            name = waiting.pop()
            if name not in self.scope.states:  # statelint reports it
                continue
            for target, fact in _transitions(name, self.scope.states[name], self.facts[name]):
                met = fact.met(self.facts.get(target))
                if met != self.facts.get(target):
                    self.facts[target] = met
                    waiting.append(target)


def faults(machine: Mapping[str, Any]) -> Iterator[str]:
    """Yield every read of a field that is missing on a path to the state that reads it."""
    for scope in scopes(machine):
        analysis = _Analysis(scope)
        analysis.run()
        doubts = _doubts(scope, analysis.facts)
        for name, fact in analysis.facts.items():
            if name in scope.states:
                yield from _faults_of(scope, scope.states[name], fact, doubts)


def _faults_of(scope: Scope, state: State, fact: _Fact, doubts: set[tuple[str, str]]) -> Iterator[str]:
    for path, known in [*((path, fact.known) for path in read_by(state)), *_read_in_order(state, fact.known)]:
        unknown = [part for part in _prefixes(path) if part not in known]
        for part in [part for part in unknown if _in_doubt(part, scope, fact, doubts)][:1]:
            yield f"{state.path}: reads {path}, but {part} may be missing: test it with IsPresent before"


def _in_doubt(path: str, scope: Scope, fact: _Fact, doubts: set[tuple[str, str]]) -> bool:
    if path.startswith("$$"):
        return path.startswith(EXECUTION_INPUT)
    if scope.owner is None and _INPUT in fact.documents and path.count(".") == 1:
        return True
    return path in fact.perhaps or any((document, path) in doubts for document in fact.documents)


def _prefixes(path: str) -> list[str]:
    """Return `$.a.b` as [`$.a`, `$.a.b`]."""
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(2, len(parts) + 1)]


def _at_start(scope: Scope) -> _Fact:
    """Return what is known of a scope's input: the fields that the Map around it selects."""
    selector = scope.owner.body.get("ItemSelector", {}) if scope.owner else {}
    known = frozenset("$." + str(key).removesuffix(".$") for key in selector)
    return _Fact(known, frozenset(), frozenset({_INPUT}))


def _doubts(scope: Scope, facts: Mapping[str, _Fact]) -> set[tuple[str, str]]:
    """Return (document, path) of every field that a Choice tests for presence."""
    return {
        (document, path)
        for name, fact in facts.items()
        if name in scope.states
        for path in _tested(scope.states[name].body.get("Choices", []))
        for document in fact.documents
    }


def _tested(rules: Any) -> Iterator[str]:
    for rule in rules:
        if "IsPresent" in rule:
            yield str(rule.get("Variable"))
        inner = [rule["Not"]] if "Not" in rule else []
        yield from _tested([*rule.get("And", []), *rule.get("Or", []), *inner])


def _result_paths(state: State) -> Paths:
    paths = {clause.get("ResultPath") for clause in [state.body, *state.body.get("Catch", [])]}
    return frozenset(path for path in paths if path not in (None, "$"))


def _transitions(name: str, state: State, fact: _Fact) -> Iterator[tuple[str, _Fact]]:
    """Yield (next state, what is known there) of every transition of *state*."""
    read = frozenset(part for path in read_by(state) for part in _prefixes(path))
    after = replace(fact.plus(read), perhaps=fact.perhaps | _result_paths(state))
    for clause in state.body.get("Catch", []):
        yield clause.get("Next", ""), _caught(name, clause, after)
    if state.type == "Choice":
        yield from _chosen(state, fact)
    elif "Next" in state.body:
        made = set_by(state)
        yield (state.body["Next"], _new_document(name, fact, made) if replaces_document(state) else after.plus(made))


def _caught(name: str, clause: Mapping[str, Any], fact: _Fact) -> _Fact:
    path = clause.get("ResultPath", "$")
    error = frozenset({f"{path}.Error", f"{path}.Cause"})
    if path == "$":
        return _new_document(f"{name}, failed", fact, error)
    return fact if path is None else fact.plus(error | {path})


def _new_document(name: str, fact: _Fact, paths: Paths) -> _Fact:
    context = frozenset(path for path in fact.known if path.startswith("$$"))
    return _Fact(context | paths, frozenset(), frozenset({name}))


def _chosen(state: State, fact: _Fact) -> Iterator[tuple[str, _Fact]]:
    for rule in state.body.get("Choices", []):
        yield rule.get("Next", ""), fact.plus(_implied(rule, matched=True))
        fact = fact.plus(_implied(rule, matched=False))
    if "Default" in state.body:
        yield state.body["Default"], fact


def _implied(rule: Mapping[str, Any], *, matched: bool) -> Paths:
    """Return the paths that exist once *rule* has been evaluated and did or did not match."""
    if "Not" in rule:
        return _implied(rule["Not"], matched=not matched)
    for operator, all_hold in (("And", matched), ("Or", not matched)):
        if operator in rule:
            parts = [_implied(part, matched=matched) for part in rule[operator]]
            return frozenset.union(*parts) if all_hold else frozenset.intersection(*parts)
    if "IsPresent" in rule:
        return frozenset({str(rule.get("Variable"))} if rule["IsPresent"] is matched else ())
    return frozenset(read_by_rule(rule))


def _read_in_order(state: State, known: Paths) -> Iterator[tuple[str, Paths]]:
    """Yield (path, what is known by then) of a Choice's comparisons, evaluated one after the other."""
    for rule in state.body.get("Choices", []):
        yield from _reads(rule, known)
        known |= _implied(rule, matched=False)


def _reads(rule: Mapping[str, Any], known: Paths) -> Iterator[tuple[str, Paths]]:
    if "Not" in rule:
        yield from _reads(rule["Not"], known)
    # The next part of an And is read only after one that held, the next of an Or after one that did not.
    for operator, before in (("And", True), ("Or", False)):
        for part in rule.get(operator, []):
            yield from _reads(part, known)
            known |= _implied(part, matched=before)
    yield from ((path, known) for path in read_by_rule(rule))
