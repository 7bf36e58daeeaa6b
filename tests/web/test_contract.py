"""Whatever is asked of the addresses, no answer is a server error, and each is what the OpenAPI file says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from dosmith import Designer, Settings
from dosmith.web.app import create_app

OPENAPI = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8"))
ADDRESSES = [(path, method) for path, methods in OPENAPI["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def schema(designer: Designer, tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    app = create_app(Settings(), designer, tmp_path_factory.mktemp("jobs"), hosts=None)
    return schemathesis.openapi.from_asgi("/api/openapi.json", app)


@pytest.mark.parametrize(("path", "method"), ADDRESSES)
def test_no_question_breaks_the_server(schema: schemathesis.BaseSchema, path: str, method: str) -> None:
    @given(case=schema[path][method.upper()].as_strategy())
    @settings(max_examples=4 if "/target/" in path else 12, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case: schemathesis.Case) -> None:
        if isinstance(case.body, dict) and isinstance(values := case.body.get("values"), list) and values:
            case.body["values"] = (values * 151)[:151]  # else few questions get further than their length
        case.call_and_validate(checks=[not_a_server_error, response_schema_conformance, status_code_conformance])

    ask()
