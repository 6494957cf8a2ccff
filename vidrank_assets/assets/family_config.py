"""What may be set of the families of a step, as the launchpad shows it: made of what each family says it takes."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

import dagster as dg
from pydantic import Field, create_model

from vidrank_assets.models.base import Parameters, load_family
from vidrank_assets.settings import Settings

#: By family: its seed and its parameters.
Chosen = Mapping[str, Mapping[str, Any]]


def step_config(step: str, families: Sequence[str]) -> type[dg.Config]:
    """The configuration of a step: a family's own when it fits one, else one for each family by its name."""
    if len(families) == 1:
        return _family_config(families[0])
    nested: dict[str, Any] = {family: (config := _family_config(family), config()) for family in families}
    return create_model(f"{_camel(step)}Config", __base__=dg.Config, **nested)


def chosen(config: dg.Config, families: Sequence[str]) -> Chosen:
    """What a step's configuration says of each of its families."""
    return {families[0]: config.model_dump()} if len(families) == 1 else config.model_dump()


def parameters_config(named: str, takes: type[Parameters], **fields: Any) -> type[dg.Config]:
    """The configuration that offers what may be set of something; fields: what it offers before that."""
    for name, taken in takes.model_fields.items():
        fields[name] = (_as_list(taken.annotation), taken)
    return create_model(f"{_camel(named)}Config", __base__=dg.Config, **fields)


def _family_config(family: str) -> type[dg.Config]:
    seed = (int, Field(Settings().seed, description="seed of everything random"))
    return parameters_config(family, load_family(family).takes, seed=seed)


def _as_list(annotation: Any) -> Any:
    """Dagster knows lists and no tuples."""
    return list[get_args(annotation)[0]] if get_origin(annotation) is tuple else annotation  # type: ignore[misc]


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
