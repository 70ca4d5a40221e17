"""Section 1, Auth: tokens (JWT) signed by the tenant's secret or by the operator's key."""
import base64
import hashlib
import hmac
import json
import subprocess
import time
import uuid

import pytest

from support.client import Client, Tenant, wait_until
from support.server import Server, temporary_directory

SECRET = "a secret of at least thirty-two bytes"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims, secret=SECRET, header=None):
    """A token in HS256, whatever its header says."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{b64(mac)}"


def claims_of(tenant, /, **changes):
    claims = {"tenant": tenant.id, "role": "editor", "sub": "ann", "exp": time.time() + 600}
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not None}


@pytest.fixture
def signing(tenant):
    """A tenant with a secret."""
    tenant.ok("PUT", "/tenant", {"jwt_secret": SECRET})
    return tenant


def get(tenant, token):
    return Client(tenant.base, token).get("/flows")


def refused(tenant, token):
    answer = get(tenant, token)
    return answer.status_code == 401 and answer.json()["error"] == "invalid_api_key"


def test_a_token_acts_for_its_tenant_in_its_role(signing, other):
    flow = signing.ok("POST", "/flows", {"name": "mine"}, 201)["data"]["id"]
    ann = Client(signing.base, sign(claims_of(signing)))
    assert [f["id"] for f in ann.ok("GET", "/flows")["data"]] == [flow]
    assert ann.post("/flows", {"name": "x"}).status_code == 201
    assert ann.post("/api-keys", {"name": "x", "role": "admin"}).status_code == 403
    viewer = Client(signing.base, sign(claims_of(signing, role="viewer")))
    assert viewer.post("/flows", {"name": "x"}).status_code == 403
    assert viewer.get("/flows").status_code == 200 and viewer.get("/flows").status_code == 200


def test_what_a_token_changes_is_its_subjects(signing):
    Client(signing.base, sign(claims_of(signing, sub="ann@example"))).post("/flows", {"name": "f"})
    row = signing.ok("GET", "/audit-log", params={"action": "flow.create"})["data"][0]
    assert row["actor"] == "jwt:ann@example"


@pytest.mark.parametrize("changes", [
    {"exp": None}, {"exp": 0}, {"exp": "tomorrow"}, {"exp": 1e300}, {"exp": -1},
    {"nbf": "now"}, {"nbf": 4e9}, {"role": None}, {"role": "owner"}, {"role": 1}, {"sub": None},
    {"sub": ""}, {"sub": "x" * 256}, {"sub": 7}, {"tenant": None}, {"tenant": "t"},
    {"tenant": str(uuid.UUID(int=0))}])
def test_bad_claims_are_refused(signing, changes):
    assert get(signing, sign(claims_of(signing))).status_code == 200
    assert refused(signing, sign(claims_of(signing, **changes)))


def test_a_clock_that_differs_a_little_is_borne(signing):
    now = time.time()
    assert get(signing, sign(claims_of(signing, exp=now - 5, nbf=now - 9))).status_code == 200
    assert get(signing, sign(claims_of(signing, nbf=now + 5))).status_code == 200
    assert refused(signing, sign(claims_of(signing, exp=now - 60)))
    assert refused(signing, sign(claims_of(signing, nbf=now + 60)))


@pytest.mark.parametrize("header", [
    {"alg": "none"}, {"alg": "None"}, {"alg": "HS512"}, {"alg": "hs256"}, {"alg": "RS256"},
    {"alg": ["HS256"]}, {"alg": None}, {}, {"alg": "HS256", "crit": ["exp"]}, {"alg": "ES256"}])
def test_no_other_algorithm_is_taken(signing, header):
    token = sign(claims_of(signing), header=header)
    assert refused(signing, token)
    assert refused(signing, token.rpartition(".")[0] + ".")


def test_anothers_secret_signs_nothing(signing, other):
    other.ok("PUT", "/tenant", {"jwt_secret": "another secret, as long as the first"})
    assert refused(signing, sign(claims_of(other)))
    assert refused(signing, sign(claims_of(signing), secret="x" * 40))
    assert get(other, sign(claims_of(other), "another secret, as long as the first")).ok


def test_a_tenant_without_a_secret_takes_no_token(tenant):
    for secret in ("", "null", SECRET):
        assert refused(tenant, sign(claims_of(tenant), secret=secret))


def test_a_changed_token_is_refused(signing):
    head, body, mac = sign(claims_of(signing)).split(".")
    admin = sign(claims_of(signing, role="admin"), secret="x" * 40).split(".")[1]
    flipped = ("A" if mac[0] != "A" else "B") + mac[1:]
    for token in (f"{head}.{admin}.{mac}", f"{head}.{body}.{flipped}", f"{head}.{body}.",
                  f"{head}.{body}", f"{head}.{body}.{mac}.{mac}", f".{body}.{mac}", "..",
                  f"{head}..{mac}", f"{head}.{body}.{mac}=", f"{head}.{body}.{'A' * 3000}"):
        assert refused(signing, token), token


def test_a_new_secret_ends_the_old_ones_tokens_at_once(signing):
    token = sign(claims_of(signing))
    assert get(signing, token).status_code == 200
    signing.ok("PUT", "/tenant", {"jwt_secret": "z" * 40})
    assert refused(signing, token)
    assert get(signing, sign(claims_of(signing), secret="z" * 40)).status_code == 200


def test_the_operator_sets_a_tenants_secret(tenant, operator):
    operator.ok("PUT", f"/admin/tenants/{tenant.id}", {"jwt_secret": SECRET})
    assert get(tenant, sign(claims_of(tenant))).status_code == 200


def test_a_token_ends_in_the_cache_too(signing):
    token = sign(claims_of(signing, exp=time.time() - 28.5))  # within the leeway
    assert get(signing, token).status_code == 200
    wait_until(lambda: refused(signing, token), 5)


# The operator's key


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, **more).stdout


@pytest.fixture(scope="module")
def keyring():
    """An RSA key in files; another's."""
    home = temporary_directory()
    for name in ("ours", "theirs"):
        openssl("genrsa", "-out", home / f"{name}.pem", "2048")
        openssl("rsa", "-in", home / f"{name}.pem", "-pubout", "-out", home / f"{name}.pub")
    openssl("genrsa", "-out", home / "small.pem", "1024")
    openssl("rsa", "-in", home / "small.pem", "-pubout", "-out", home / "small.pub")
    return home


@pytest.fixture(scope="module")
def federated(keyring):
    made = Server(environment={"JWT_PUBLIC_PEM": str(keyring / "ours.pub")})
    try:
        yield made.start()
    finally:
        made.remove()


def sign_rsa(claims, pem, header=None):
    header = header or {"alg": "RS256"}
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(openssl("dgst", "-sha256", "-sign", pem, input=text.encode()))


def test_the_operators_key_signs_for_every_tenant(federated, keyring):
    for tenant in (Tenant(federated.base), Tenant(federated.base)):
        client = Client(federated.base, sign_rsa(claims_of(tenant), keyring / "ours.pem"))
        made = client.ok("POST", "/flows", {"name": tenant.name}, 201)["data"]
        assert [f["id"] for f in tenant.ok("GET", "/flows")["data"]] == [made["id"]]
        assert refused(tenant, sign_rsa(claims_of(tenant), keyring / "theirs.pem"))
    nobody = claims_of(tenant, tenant=str(uuid.uuid4()))
    assert refused(tenant, sign_rsa(nobody, keyring / "ours.pem"))


def test_a_key_verifies_its_own_algorithm_only(federated, keyring):
    tenant = Tenant(federated.base)
    public = (keyring / "ours.pub").read_text()
    tenant.ok("PUT", "/tenant", {"jwt_secret": SECRET})
    assert get(tenant, sign(claims_of(tenant))).status_code == 200
    assert refused(tenant, sign(claims_of(tenant), secret=public))
    assert refused(tenant, sign_rsa(claims_of(tenant), keyring / "ours.pem", {"alg": "HS256"}))
    assert refused(tenant, sign(claims_of(tenant), header={"alg": "RS256"}))
    # Even a tenant that takes the public key for its secret signs in HS256 for itself alone.
    tenant.ok("PUT", "/tenant", {"jwt_secret": public})
    other = Tenant(federated.base)
    assert refused(other, sign(claims_of(other), secret=public))


@pytest.mark.parametrize("name", ["missing.pub", "small.pub", "ours.pem", ""])
def test_a_key_that_is_none_stops_the_start(keyring, name):
    made = Server(environment={"JWT_PUBLIC_PEM": str(keyring / name)})
    try:
        ended = made.command("serve")
        assert ended.returncode == 1 and str(keyring / name) in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1
    finally:
        made.remove()
