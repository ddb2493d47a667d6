"""Stage 2: decide, for every step of every asset, whether it runs and why."""

from archivist.plan.expand import Planner
from archivist.plan.explain import Line, Summary
from archivist.plan.facts import fact_names, facts_of
from archivist.plan.files import PlannedFile
from archivist.plan.lookalikes import Search, takes_lookalikes
from archivist.plan.lookup import Lookup, Output, Previous, Redo
from archivist.plan.recipe import build_recipe, choose_recipe
from archivist.plan.sequences import PlannedSequence, looks_back
from archivist.plan.sizes import Sizes
from archivist.plan.where import names_in, parse

__all__ = [
    "Line",
    "Lookup",
    "Output",
    "PlannedFile",
    "PlannedSequence",
    "Planner",
    "Previous",
    "Redo",
    "Search",
    "Sizes",
    "Summary",
    "build_recipe",
    "choose_recipe",
    "fact_names",
    "facts_of",
    "looks_back",
    "names_in",
    "parse",
    "takes_lookalikes",
]
