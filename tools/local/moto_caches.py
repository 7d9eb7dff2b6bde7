"""What moto and botocore work out anew at every call though it is always the same, worked out once.

Nothing that a caller can see changes, only the time it takes: a third of a run's. The seams are private ones of the
moto that `moto_repairs` is for.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import botocore.session
from botocore import useragent

from local.clients import DESCRIPTIONS


@contextmanager
def answers_kept() -> Iterator[None]:
    """Keep such answers for as long as the context lasts."""
    from moto.core.serialize import JSONSerializer
    from moto.moto_api._internal.moto_random import MotoRandom
    from moto.s3 import urls as s3_urls
    from moto.s3.models import S3Backend

    responses = _module("moto.core.responses")
    json_path = _module("moto.stepfunctions.parser.asl.utils.json_path")
    result_path = _module("moto.stepfunctions.parser.asl.component.common.path.result_path")
    seams: tuple[tuple[Any, str, Any], ...] = (
        # JSONPaths: the tables of the grammar are built again for each path.
        (json_path, "parse", functools.cache(json_path.parse)),
        (result_path, "parse", functools.cache(result_path.parse)),
        # The operations of a service: a class is looked through at each call.
        (responses, "method_names_from_class", functools.cache(responses.method_names_from_class)),
        # S3's addresses, which are loaded anew because a setting could have changed.
        (S3Backend, "_url_module", property(lambda _: s3_urls)),
        (JSONSerializer, "_serialize_type_structure", _by_its_letter(JSONSerializer._serialize_type_structure)),
        (MotoRandom, "get_random_string", _random_string),
        # The descriptions of the services: each session of boto3 reads its own.
        (botocore.session, "create_loader", lambda _data_path: DESCRIPTIONS),
        (useragent, "sanitize_user_agent_string_component", _sanitized(useragent.sanitize_user_agent_string_component)),
    )
    with ExitStack() as stack:
        for target, name, value in seams:
            stack.enter_context(patch.object(target, name, value))
        yield


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _by_its_letter(original: Any) -> Any:
    """Look in one of DynamoDB's values for the letter it has: moto looks for all ten, and five spellings of each."""

    def structure(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name != "AttributeValue" or not isinstance(value, dict):
            original(serializer, serialized, value, shape, key)
            return
        one: dict[str, Any] = {}
        for letter, content in value.items():
            if content is not None:
                serializer._serialize(one, content, shape.members[letter], letter)
        serializer._default_serialize(serialized, one, shape, key)

    return structure


def _random_string(random: Any, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:  # noqa: FBT001, FBT002
    """Draw all letters at once: every answer has 52 of them."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + ("0123456789" if include_digits else "")
    text = "".join(random.choices(letters, k=length))
    return text.lower() if lower_case else text


def _sanitized(original: Any) -> Any:
    """Keep the parts of the user agent, of which each call has more than eighty."""
    kept = functools.lru_cache(maxsize=1024)(original)

    def sanitized(raw_str: str, allow_hash: bool) -> str:  # noqa: FBT001 - as botocore calls it
        return str(kept(raw_str, allow_hash))

    return sanitized
