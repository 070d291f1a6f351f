"""The admin page as people use it: in a real browser, against a real daemon."""

import json

import documents
import pytest
from admin_page import CHROMIUM, DESKTOP, PHONE, VIEWS, Page
from hearth_daemon import Daemon, until
from playwright.sync_api import expect, sync_playwright

HELLO = "from flask import request\n\ndef main():\n    print('seen', request.headers.get('X-Mark'))\n    return {'path': request.path, 'mark': request.headers.get('X-Mark'), 'body': request.get_data(as_text=True)}\n"
ALL_HEADERS = "from flask import request\n\ndef main():\n    return dict(request.headers.items())\n"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="module")
def filled():
    """A daemon with one object of most kinds; tests leave these as they are."""
    daemon = Daemon().start()
    daemon.apply(json.dumps(documents.whole("hello", HELLO) + [
        {"apiVersion": "hearth/v1", "kind": "TimeTrigger", "metadata": {"name": "nightly"}, "spec": {"cron": "30 2 * * *", "functionref": {"type": "name", "name": "hello"}}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"password": "correct horse"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"level": "info"}}]))
    assert daemon.call("/hello").status == 200
    yield daemon
    daemon.close()


@pytest.fixture
def page(browser):
    """page(daemon, ...) opens a window; at the end none may have met a fault."""
    opened = []

    def make(daemon, token=None, login=True, **more):
        opened.append(Page(browser, daemon, **more))
        return opened[-1].login(token) if login else opened[-1]

    yield make
    for one in opened:
        one.close()


def make_token(daemon, name, role):
    body = {"apiVersion": "hearth/v1", "kind": "ApiToken", "metadata": {"name": name}, "spec": {"role": role}}
    answer = daemon.api("POST", "/api/v1/namespaces/default/apitokens", body)
    assert answer.status == 201, answer
    return answer.json["token"]


def test_a_token_opens_a_session_that_lasts_until_logout(filled, page):
    one = page(filled, login=False)
    one.picture("login")
    assert one.serious() == []
    one.tab.get_by_label("Token").fill("wrong")
    one.tab.get_by_role("button", name="Log in").click()
    expect(one.tab.get_by_role("alert")).to_contain_text("not known here")
    one.login()
    (cookie,) = one.context.cookies()
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == ("__Host-hearth", True, True, "Strict", "/")
    assert one.tab.evaluate("document.cookie + JSON.stringify(localStorage)").find(filled.token) == -1
    one.tab.reload()
    one.tab.get_by_role("heading", name="Overview", exact=True).wait_for()
    one.tab.get_by_role("button", name="Log out").click()
    expect(one.tab.get_by_text("You are logged out.")).to_be_visible()
    assert one.context.cookies() == []
    one.tab.reload()
    one.tab.get_by_label("Token").wait_for()


@pytest.mark.parametrize("size, scheme", [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop-light", "phone-dark"])
def test_every_view_is_accessible_and_fits(filled, page, size, scheme):
    one = page(filled, size=size, scheme=scheme)
    name = "desktop-light" if size == DESKTOP else "phone-dark"
    fn = "functions/default/hello"
    faults = []
    for place in VIEWS + [fn, fn + "/code", fn + "/test", fn + "/logs", fn + "/settings", "new/Function", "r/httptriggers/default/hello",
                          "r/secrets/default/login", "r/environments/default/python"]:
        one.open(place)
        faults += [f"{place}: {fault}" for fault in one.serious()]
        faults += [f"{place}: wider than the window"] if one.too_wide() else []
        one.picture(f"{name}-{place.replace('/', '-')}")
    assert not faults, "\n".join(faults)


def test_an_empty_daemon_says_how_to_begin(daemon, page):
    one = page(daemon, scheme="dark")
    expect(one.tab.get_by_text("Nothing is deployed yet")).to_be_visible()
    one.picture("empty-overview")
    one.open("functions", "Functions")
    one.picture("empty-functions")
    assert one.serious() == []
    one.tab.get_by_role("link", name="Write the first one").click()
    one.tab.locator(".cm-content").wait_for()
    one.tab.get_by_role("button", name="Create", exact=True).click()
    expect(one.tab.get_by_role("heading", name="Done")).to_be_visible()
    assert daemon.call("/hello?name=Ada").text == "Hello, Ada!\n"
    one.tab.get_by_role("link", name="default/hello").nth(1).click()
    one.tab.get_by_role("heading", name="hello", exact=True).wait_for()


def test_code_is_edited_tried_and_deployed(daemon, page):
    daemon.apply(json.dumps(documents.whole("hello", "def main():\n    return 'one'\n")))
    one = page(daemon)
    one.open("functions/default/hello/code", "hello")
    one.tab.locator(".cm-content").filter(has_text="one").wait_for()
    one.write("def main():\n    return broken(\n")
    one.tab.get_by_role("button", name="Deploy").click()
    expect(one.tab.get_by_role("alert")).to_contain_text("SyntaxError")
    one.tab.get_by_role("button", name="line 2").click()
    expect(one.tab.locator(".cm-content")).to_be_focused()
    one.picture("deploy-error")
    assert one.serious() == []
    assert daemon.call("/hello").text == "one"
    one.write("def main():\n    return 'two'\n")
    one.tab.get_by_role("button", name="Deploy").click()
    expect(one.tab.get_by_text("Deployed.")).to_be_visible()
    until(lambda: daemon.call("/hello").text == "two", "the new code")


def test_a_call_with_headers_and_body_shows_the_answer_and_the_log_follows(filled, page):
    one = page(filled)
    one.open("functions/default/hello/logs", "hello")
    log = one.tab.get_by_role("log")
    other = page(filled)
    other.open("functions/default/hello/test", "hello")
    other.tab.get_by_label("Method").select_option("POST")
    other.tab.get_by_label("Path and query").fill("/deep/er?x=1")
    other.tab.get_by_label("Headers, one a line").fill("X-Mark: blue\nContent-Type: text/plain")
    other.tab.get_by_label("Body", exact=True).fill("some text")
    other.tab.get_by_role("button", name="Call").click()
    answer = other.tab.get_by_label("Body of the answer")
    expect(answer).to_contain_text('"mark": "blue"')
    expect(answer).to_contain_text('"path": "/deep/er"')
    expect(answer).to_contain_text('"body": "some text"')
    expect(other.tab.get_by_text("200", exact=True)).to_be_visible()
    other.picture("test-call")
    expect(log).to_contain_text("seen blue")
    one.picture("logs")


def test_faults_of_settings_name_field_and_line(filled, page):
    one = page(filled)
    one.open("functions/default/hello/settings", "hello")
    editor = one.tab.locator(".cm-content")
    editor.filter(has_text="packageref").wait_for()
    text = filled.cli_ok("get", "function", "hello", "-o", "yaml").out
    begin = text.split("status:")[0]
    one.write(begin.replace("spec:", "spec:\n  concurency: 3\n  functionTimeout: minus", 1))
    one.tab.get_by_role("button", name="Check").click()
    alert = one.tab.get_by_role("alert")
    expect(alert).to_contain_text("concurency")
    expect(alert).to_contain_text("concurrency")
    expect(alert).to_contain_text("functionTimeout")
    one.picture("settings-faults")
    assert one.serious() == []
    alert.get_by_role("button", name="line").first.click()
    expect(editor).to_be_focused()


def test_changes_of_others_are_seen_without_a_reload(filled, page):
    one = page(filled)
    one.open("functions", "Functions")
    rows = one.tab.get_by_role("table", name="Functions")
    expect(rows.get_by_role("link")).to_have_count(1)
    filled.apply(json.dumps([documents.function("later", pkg="hello")]))
    expect(rows.get_by_role("link", name="later")).to_be_visible()
    assert filled.api("DELETE", "/api/v1/namespaces/default/functions/later").status == 200
    expect(rows.get_by_role("link", name="later")).to_have_count(0)
    one.open("changes", "Changes")
    expect(one.tab.get_by_role("listitem").filter(has_text="default/later").filter(has_text="removed").first).to_be_visible()


def test_a_dead_letter_is_redriven(filled, page):
    code = "import os\nfrom flask import Response\n\ndef main():\n    return Response('no', status=%d)\n"
    spec = {"invocation": {"retry": {"maxAttempts": 1}}}
    filled.apply(json.dumps(documents.whole("flaky", code % 500, **spec)))
    assert filled.call("/flaky", "POST", headers={"X-Hearth-Async": "true"}).status == 202
    one = page(filled)
    one.open("calls?state=failed", "Asynchronous calls")
    one.tab.get_by_role("button", name="Redrive the 1 shown").wait_for()
    one.picture("dead-letters")
    filled.apply(json.dumps(documents.whole("flaky", code % 200, **spec)))
    one.tab.get_by_role("button", name="Redrive the 1 shown").click()
    one.tab.get_by_label("State").select_option("succeeded")
    expect(one.tab.get_by_role("table", name="Calls").get_by_text("succeeded")).to_be_visible()
    assert filled.api("DELETE", "/api/v1/namespaces/default/functions/flaky").status == 200


def test_a_route_is_found_by_its_url_and_a_conflict_is_told(filled, page):
    one = page(filled)
    one.open("routes", "Routes")
    one.tab.get_by_label("URL or path").fill("/hello")
    one.tab.get_by_role("button", name="Ask").click()
    expect(one.tab.get_by_role("link", name="default/hello").last).to_be_visible()
    one.tab.get_by_label("URL or path").fill("/nothing/here")
    one.tab.get_by_role("button", name="Ask").click()
    expect(one.tab.get_by_text("no route takes this request")).to_be_visible()
    one.open("new/HTTPTrigger", "New HTTPTrigger")
    one.tab.locator(".cm-content").wait_for()
    one.write(json.dumps(documents.route("second", "/hello", "hello")))
    one.tab.get_by_role("button", name="Check").click()
    expect(one.tab.get_by_role("alert")).to_contain_text("conflict")


def test_who_may_only_look_is_offered_nothing_else(filled, page):
    one = page(filled, token=make_token(filled, "looker", "view"))
    one.open("functions", "Functions")
    expect(one.tab.get_by_role("link", name="hello")).to_be_visible()
    expect(one.tab.get_by_role("link", name="New function")).to_have_count(0)
    one.open("functions/default/hello", "hello")
    expect(one.tab.get_by_role("button", name="Delete")).to_have_count(0)
    expect(one.tab.get_by_role("link", name="Test")).to_have_count(0)
    one.open("tokens", "Tokens and roles")
    expect(one.tab.get_by_text("with the role admin.")).to_be_visible()
    assert filled.api("DELETE", "/api/v1/namespaces/default/apitokens/looker").status == 200
    one.tab.goto(f"{one.origin}/admin/#/functions/default/hello/settings")
    expect(one.tab.get_by_text("the token of this session was deleted")).to_be_visible()


def test_the_keyboard_alone_reaches_everything(filled, page):
    one = page(filled)
    tab, keys = one.tab, one.tab.keyboard
    tab.reload()
    tab.get_by_role("heading", name="Overview", exact=True).wait_for()
    keys.press("Tab")
    expect(tab.get_by_role("link", name="To the content")).to_be_focused()
    keys.press("Enter")
    expect(tab.locator("main")).to_be_focused()
    tab.get_by_role("link", name="Functions", exact=True).first.focus()
    keys.press("Enter")
    expect(tab.get_by_role("heading", name="Functions", exact=True)).to_be_focused()
    tab.get_by_role("link", name="hello").focus()
    keys.press("Enter")
    tab.get_by_role("heading", name="hello", exact=True).wait_for()
    button = tab.get_by_role("button", name="Delete")
    button.focus()
    keys.press("Enter")
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text("HTTPTrigger")
    one.picture("delete")
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    assert filled.call("/hello").status == 200


def test_without_tokens_nobody_logs_in(daemons, page):
    one = page(daemons(env={"HEARTH_AUTH__REQUIRED": "false"}).start(), login=False)
    one.tab.get_by_role("heading", name="Overview", exact=True).wait_for()
    expect(one.tab.get_by_role("button", name="Log out")).to_have_count(0)
    one.open("new/Function", "New Function")
    one.tab.locator(".cm-content").wait_for()
    one.tab.get_by_role("button", name="Create", exact=True).click()
    expect(one.tab.get_by_role("heading", name="Done")).to_be_visible()


def test_rates_are_drawn_and_a_daemon_that_is_gone_is_told(daemon, page):
    daemon.apply(json.dumps(documents.whole("hello", "def main(): return 'ok'")))
    one = page(daemon)
    for title, name in [("Instances", "of all kinds"), ("Answers per second", "2xx"), ("Duration of requests", "median")]:
        value = one.tab.locator("figure", has_text=title).locator("dl > div", has_text=name).locator("dd")
        # Calls go on until one lies between two samples.
        until(lambda: daemon.call("/hello").status == 200 and any(c in "123456789" for c in value.inner_text()), title)
    expect(one.tab.get_by_role("link", name="Cold starts")).to_contain_text("1")
    one.picture("overview-busy")
    daemon.kill()
    expect(one.tab.get_by_role("status").filter(has_text="no connection, trying again")).to_be_visible()
    one.picture("daemon-gone")
    one.faults = [fault for fault in one.faults if "ERR_" not in fault]


def test_colours_follow_the_switch(filled, page):
    one = page(filled, scheme="light")
    back = "getComputedStyle(document.body).backgroundColor"
    light = one.tab.evaluate(back)
    one.tab.get_by_label("Colours").first.select_option("dark")
    expect(one.tab.locator("body")).not_to_have_css("background-color", light)
    one.tab.reload()
    one.tab.get_by_role("heading", name="Overview", exact=True).wait_for()
    assert one.tab.evaluate(back) != light


def test_the_session_stays_with_the_page(filled, page):
    """The gateway is the same site for a browser: neither a function nor its page may use the session."""
    filled.apply(json.dumps(documents.whole("headers", ALL_HEADERS)))
    one = page(filled)
    foreign = one.context.new_page()
    foreign.goto(f"http://{filled.gateway}/headers")
    assert "User-Agent" in foreign.content() and "__Host-hearth" not in foreign.content()
    tries = """async (api) => {
        const path = api + '/api/v1/namespaces/default/configmaps';
        const body = JSON.stringify({apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'stolen'}, data: {}});
        await fetch(path, {method: 'POST', mode: 'no-cors', credentials: 'include', body});
        await fetch(api + '/api/v1/namespaces/default/functions/headers/call', {mode: 'no-cors', credentials: 'include'});
        return fetch(api + '/api/v1/session', {credentials: 'include'}).then(() => 'read', () => 'refused');
    }"""
    called = filled.api("GET", "/api/v1/namespaces/default/functions/headers/logs").text.count("GET /")
    assert foreign.evaluate(tries, one.origin) == "refused"
    assert filled.api("GET", "/api/v1/namespaces/default/configmaps/stolen").status == 404
    assert filled.api("GET", "/api/v1/namespaces/default/functions/headers/logs").text.count("GET /") == called
    assert filled.api("DELETE", "/api/v1/namespaces/default/functions/headers").status == 200


def test_ten_thousand_functions_are_searched_and_scrolled(daemon, page):
    daemon.apply(json.dumps(documents.whole("base", "def main(): return 'ok'")))
    for first in range(0, 10_000, 1_000):
        daemon.apply(json.dumps([documents.function(f"f-{n:05}", pkg="base") for n in range(first, first + 1_000)]), "?verify=false")
    one = page(daemon)
    one.open("functions", "Functions")
    expect(one.tab.get_by_role("status").filter(has_text="10,001 of 10,001")).to_be_visible()
    one.picture("ten-thousand")
    assert one.serious() == []
    assert one.tab.locator("tbody tr").count() < 200
    one.tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(one.tab.get_by_role("link", name="f-09999")).to_be_visible()
    one.picture("ten-thousand-end")
    one.tab.evaluate("scrollTo(0, 0)")
    one.tab.get_by_label("Search functions").fill("f-04321")
    expect(one.tab.get_by_role("status").filter(has_text="1 of 10,001")).to_be_visible()
    expect(one.tab.get_by_role("link", name="f-04321")).to_be_visible()
    one.open("overview", "Overview")
    expect(one.tab.get_by_role("link", name="Functions 10,001")).to_be_visible()
