"""Environments whose command merely serves HTTP: no loader, nothing is asked to load code."""

import documents

SERVER = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "$HEARTH_CODE", "$PORT"]


def served(runtime, name, files, command=SERVER, **spec):
    environment = {"apiVersion": "hearth/v1", "kind": "Environment", "metadata": {"name": runtime},
                   "spec": {"version": 3, "poolsize": 1, "runtime": {"local": {"command": command, "protocol": "http"}}}}
    function = documents.function(name, "", runtime)
    function["spec"].update(spec)
    route = documents.route(name, "", prefix=f"/{name}")
    del route["spec"]["relativeurl"]
    return [environment, documents.package(name, files, runtime), function, route]


def test_a_plain_file_server_serves_each_packages_files(shared):
    shared.apply(served("files", "site", {"index.html": "<h1>one</h1>", "deep/page.txt": "page"}))
    assert shared.call("/site/").text == "<h1>one</h1>"
    assert shared.call("/site/deep/page.txt").text == "page"
    assert shared.call("/site/absent").status == 404
    shared.apply(served("files", "site", {"index.html": "<h1>two</h1>"}))
    assert shared.call("/site/").text == "<h1>two</h1>"
    assert shared.call("/site/deep/page.txt").status == 404


def test_variables_of_a_function_reach_a_program_without_a_loader(shared):
    script = ("import http.server, os\n"
              "class H(http.server.BaseHTTPRequestHandler):\n"
              "    def do_GET(self):\n"
              "        body = os.environ.get('GREETING', 'none').encode()\n"
              "        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers()\n"
              "        self.wfile.write(body)\n"
              "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), H).serve_forever()\n")
    command = ["python3", "-c", script]
    shared.apply(served("greeter", "plain", {"x": "y"}, command))
    shared.apply(served("greeter", "greeting", {"x": "y"}, command, env=[{"name": "GREETING", "value": "hello"}]))
    assert shared.call("/plain/").text == "none"
    assert shared.call("/greeting/").text == "hello"


def test_a_program_that_ends_at_once_is_named_with_its_words(shared):
    command = ["sh", "-c", "echo no such thing >&2; exit 3"]
    documents_of_it = served("broken-program", "never", {"x": "y"}, command)
    tried = shared.api("POST", "/api/v1/apply?verify=true", documents_of_it)
    assert tried.status == 422 and "no such thing" in tried.text, tried
    shared.apply(documents_of_it)
    answer = shared.call("/never/")
    assert answer.status == 503 and "exit code 3" in answer.text, answer


def test_the_protocol_needs_a_command(shared):
    environment = documents.environment("imaged")
    environment["spec"]["runtime"]["local"] = {"protocol": "http"}
    answer = shared.api("POST", "/api/v1/apply", [environment])
    assert answer.status == 422, answer
    assert "spec.runtime.local.protocol" in answer.text and "runtime.local.command" in answer.text
