"""The admin page in Debian's Chromium, and what every test of it does."""

import pathlib

from hearth_daemon import ROOT
from playwright.sync_api import expect

CHROMIUM = "/usr/bin/chromium"
AXE = ROOT / "src/api/admin/node_modules/axe-core/axe.min.js"
PICTURES = ROOT / "build/admin-page"
WAIT = 60_000  # milliseconds any single wait may take
expect.set_options(timeout=WAIT)
DESKTOP, PHONE = (1280, 860), (360, 740)
VIEWS = ["overview", "functions", "environments", "routes", "timers", "queues", "calls", "builds", "packages", "settings",
         "tokens", "changes", "system"]
# What a page's scripts and the daemon's answers must not have caused; a 401 is what the login page begins with.
QUIET = "the server responded with a status of 4"


class Page:
    """One browser window at a daemon's page; `faults` are errors of scripts, of the policy, and requests elsewhere."""

    def __init__(self, browser, daemon, size=DESKTOP, scheme="light"):
        self.daemon, self.origin = daemon, f"http://{daemon.api_address}"
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce")
        self.context.set_default_timeout(WAIT)
        self.tab = self.context.new_page()
        self.faults = []
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("console", lambda line: self._console(line))
        self.tab.on("request", lambda request: self._request(request))
        self.tab.goto(self.origin + "/")

    def _console(self, line):
        if line.type == "error" and QUIET not in line.text:
            self.faults.append(line.text)

    def _request(self, request):
        if not request.url.startswith((self.origin + "/", "blob:", "data:")):
            self.faults.append("asked " + request.url)

    def login(self, token=None):
        self.tab.get_by_label("Token").fill(token or self.daemon.token)
        self.tab.get_by_role("button", name="Log in").click()
        self.tab.get_by_role("heading", name="Overview", exact=True).wait_for()
        self.tab.get_by_role("status").filter(has_text="live").first.wait_for(state="attached")
        return self

    def open(self, place, heading=None):
        self.tab.goto(f"{self.origin}/admin/#/{place}")
        self.tab.locator(f'main[data-place="{place.split("?")[0]}"]').wait_for()
        if heading:
            self.tab.get_by_role("heading", name=heading, exact=True).first.wait_for()
        self.settle()
        return self.tab

    def settle(self):
        """Nothing says any more that it is loading."""
        self.tab.get_by_role("heading", level=1).wait_for()
        expect(self.tab.locator(".spinner")).to_have_count(0)

    def write(self, text):
        """Pasted into the editor in sight, in place of what it holds."""
        editor = self.tab.locator(".cm-content")
        editor.click()
        self.tab.keyboard.press("Control+A")
        editor.evaluate("""(element, text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData('text/plain', text);
            element.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}));
        }""", text)

    def serious(self):
        """What axe-core finds that is serious or worse, as one line each."""
        self.tab.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')}" for one in found["violations"]
                if one["impact"] in ("serious", "critical") for node in one["nodes"]]

    def too_wide(self):
        return self.tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")

    def picture(self, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.tab.screenshot(path=pathlib.Path(PICTURES) / f"{name}.png")

    def close(self):
        self.context.close()
        assert not self.faults, self.faults
