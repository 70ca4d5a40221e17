"""What a body may hold, however it is cut up."""
import json

import pytest

MOST = 250000  # values of a body (KAL_JSON_MAX_VALUES)


def lines(count, values):
    """So many events of so many values in all."""
    event = {"customer_id": "c", "event_type": "e", "data": {"x": [0] * (values // count - 5)}}
    return "\n".join([json.dumps(event, separators=(",", ":"))] * count)


@pytest.mark.parametrize("count,values,status", [
    (3, MOST, 202), (2, MOST + 2, 413), (10, MOST + 10, 413), (5000, MOST + 5000, 413)])
def test_lines_hold_no_more_than_one_body(tenant, count, values, status):
    answer = tenant.session.post(tenant.url("/events/batch"), data=lines(count, values),
                                 headers={"Content-Type": "application/x-ndjson"}, timeout=60)
    assert answer.status_code == status, answer.text
    assert status == 202 or answer.json()["error"] == "payload_too_large"


@pytest.mark.parametrize("method,path,body,field", [
    ("POST", "/customers", {"external_id": "new"}, "properties"),
    ("POST", "/customers?upsert=true", {"external_id": "c"}, "properties"),
    ("PUT", "/customers/external:c", {}, "properties"),
    ("PUT", "/customers/external:c/preferences", {}, "preferences")])
def test_a_profile_that_is_too_large_is_told_as_that(tenant, method, path, body, field):
    tenant.ok("POST", "/customers", {"external_id": "c"}, 201)
    answer = tenant.request(method, path, {**body, field: {"x": "x" * 70000}})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {field: ["the customer's profile is over 64 KB"]}


def test_too_many_tags_are_told_as_that(tenant):
    tenant.ok("POST", "/customers", {"external_id": "c"}, 201)
    tags = [f"{n:0255}" for n in range(300)]
    answer = tenant.post("/customers/external:c/tags", {"tags": tags})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"tags": ["the customer's profile is over 64 KB"]}
