"""Facts for the documentation, taken from the code; the pages call these through cog."""

from facts.program import catalog_tables, command_line, config_keys, exit_codes, first_party_steps
from facts.surface import (
    code_in_docstring,
    errors,
    fields,
    hooks,
    members,
    methods,
    signature,
    source,
)

__all__ = [
    "catalog_tables",
    "code_in_docstring",
    "command_line",
    "config_keys",
    "errors",
    "exit_codes",
    "fields",
    "first_party_steps",
    "hooks",
    "members",
    "methods",
    "signature",
    "source",
]
