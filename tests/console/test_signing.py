"""Signing in and out, and who may send which form."""

from __future__ import annotations

import pytest

from tests.console.conftest import HTML, House
from weir.control.authorize import authenticate
from weir.control.join import make_join_token, revoke_token
from weir.control.sessions import make_link
from weir.wire.joining import JoinTokenRequest

FORMS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/find", {"yaml": "name: x"}),
    ("/find/submit", {"yaml": "name: x\ntasks: [{command: [true]}]"}),
    ("/jobs/{runs}/cancel", {}),
    ("/operations/invite", {"kind": "site", "name": "north"}),
    ("/operations/tokens", {"subject": "wang"}),
    ("/operations/tokens/revoke", {"token": "t00000001"}),
    ("/operations/remove", {"cluster": "CN.S1.C1-X"}),
    ("/monitoring/alerts/acknowledge", {"rule": "site-silent", "subject": ""}),
)


def test_a_session_is_kept_in_a_cookie_that_scripts_and_others_cant_use(house: House) -> None:
    visitor = house.visitor()
    token = house.token("li", "user")
    cookie = visitor.sign_in(token).headers["set-cookie"]
    assert cookie.startswith("weir-nation=weir_session_")
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=43200" in cookie
    assert token not in cookie
    secure = house.visitor()
    secure.http.base_url = "https://testserver"
    cookie = secure.sign_in(token).headers["set-cookie"]
    assert cookie.startswith("__Host-weir-nation=") and "; Secure" in cookie


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_a_token_that_is_none_is_told_so(house: House, token: str) -> None:
    answer = house.visitor().sign_in(token)
    assert answer.status_code == 401
    assert "operator" in answer.text
    assert "weir_session" not in answer.headers.get("set-cookie", "")


def test_only_a_persons_token_signs_in(house: House) -> None:
    token = make_join_token(house.domain.ctx, JoinTokenRequest(kind="site", name="north")).token
    assert house.visitor().sign_in(token).status_code == 401
    agent = house.domain.site("south").token
    assert house.visitor().sign_in(agent).status_code == 401


def test_a_session_ends_by_leaving_with_its_token_and_with_time(house: House) -> None:
    ctx = house.domain.ctx
    leaving = house.browser()
    leaving.post("/signout")
    token = house.token("li", "user")
    revoked, late = house.visitor(), house.visitor()
    revoked.sign_in(token)
    late.sign_in(house.token("li", "user"))
    assert [b.get("/jobs").status_code for b in (leaving, revoked, late)] == [303, 200, 200]
    revoke_token(ctx, authenticate(ctx, token).token)
    assert [b.get("/jobs").status_code for b in (revoked, late)] == [303, 200]
    house.domain.clock.turn(13 * 3600)
    assert late.get("/jobs").status_code == 303


def test_a_link_signs_its_maker_in_once_and_not_by_being_looked_at(house: House) -> None:
    ctx = house.domain.ctx
    who = authenticate(ctx, house.token("zhao", "user"))
    code = make_link(ctx, who).code
    visitor = house.visitor()
    for _ in range(2):  # a preview of the link spends nothing
        assert "zhao" in visitor.get(f"/signin?code={code}").text
    assert visitor.post("/signin", code=code).status_code == 303
    assert "zhao" in visitor.get("/jobs").text
    assert house.visitor().post("/signin", code=code).status_code == 401
    assert "used" in house.visitor().get(f"/signin?code={code}").text
    old = make_link(ctx, who).code
    house.domain.clock.turn(3600)
    assert house.visitor().post("/signin", code=old).status_code == 401


def test_a_link_and_a_session_are_no_tokens_for_the_api(house: House) -> None:
    ctx = house.domain.ctx
    code = make_link(ctx, authenticate(ctx, house.token("zhao", "operator"))).code
    http = house.visitor().http
    answer = http.get("/v1/pools", headers={"Authorization": f"Bearer {code}"})
    assert answer.status_code == 403


def test_a_form_from_elsewhere_changes_nothing(furnished: tuple[House, dict[str, str]]) -> None:
    house, ids = furnished
    browser, other = house.browser("root", "operator"), house.browser("wang").csrf()
    before = browser.get("/operations?tab=tokens").text.count("<tr")
    for path, form in FORMS:
        for csrf, headers in (
            ("", {}),
            ("0" * 64, {}),
            (other, {}),
            (browser.csrf(), {"Sec-Fetch-Site": "cross-site"}),
        ):
            data = form | {"csrf": csrf}
            answer = browser.http.post(path.format(**ids), data=data, headers=HTML | headers)
            assert answer.status_code == 403, path
            assert "load the page again" in answer.text
    assert house.domain.story(ids["runs"])[-1] == "started"
    assert browser.get("/operations?tab=tokens").text.count("<tr") == before


def test_what_a_viewer_may_not_do_is_refused(furnished: tuple[House, dict[str, str]]) -> None:
    house, ids = furnished
    viewer = house.browser("eve", "viewer")
    for path, form in FORMS[1:]:
        answer = viewer.post(path.format(**ids), None, **form)
        assert answer.status_code == 403, path
        assert "role" in answer.text


def test_what_may_not_be_done_is_not_offered(furnished: tuple[House, dict[str, str]]) -> None:
    house, ids = furnished
    viewer, operator = house.browser("eve", "viewer"), house.browser("root", "operator")
    for path, offered in (
        ("/find", 'formaction="/find/submit"'),
        (f"/jobs/{ids['runs']}", f'action="/jobs/{ids["runs"]}/cancel"'),
        ("/operations", "/operations/invite"),
        ("/operations", "/operations/remove"),
        ("/operations?tab=tokens", "/operations/tokens/revoke"),
    ):
        assert offered not in viewer.get(path).text
        assert offered in operator.get(path).text


def test_operators_invite_make_tokens_and_end_them(house: House) -> None:
    operator = house.browser("root", "operator")
    assert "weir_join_" in operator.post("/operations/invite", kind="site", name="north").text
    wrong = operator.post("/operations/invite", kind="site", name="Not A Name")
    assert wrong.status_code == 422 and "is no name" in wrong.text
    answer = operator.post("/operations/tokens", subject="wang", role="viewer", days="2")
    assert "weir_person_" in answer.text
    wrong = operator.post("/operations/tokens", subject="wang", days="soon")
    assert wrong.status_code == 422
    listed = operator.get("/operations?tab=tokens").text
    assert "wang" in listed and "weir_person_" not in listed
