"""Fission's .NET contracts, entry points, load errors and builds of the .NET environment."""

import pytest

import environment_under_test as eut

DOTNET = eut.Environment("dotnet")
ECHO = "return c.Request.Method + \" \" + c.Arguments[\"a\"] + \" \" + c.Request.BodyAsString();"


@pytest.fixture
def dotnet(start_environment):
    return lambda **options: start_environment("dotnet", **options)


@pytest.fixture
def loaded(dotnet):
    return lambda files, entry="", **more: dotnet().load(files, entry, **more)


def core(body, name="FissionFunction", more=""):
    return "using System;\nusing System.IO;\nusing System.Linq;\nusing Fission.DotNetCore.Api;\n" \
           f"public class {name} {{ {more}\n    public string Execute(FissionContext c) {{\n        {body}\n    }}\n}}\n"


def common(signature, body, more=""):
    return "using System;\nusing System.Collections.Generic;\nusing System.Threading.Tasks;\nusing Fission.DotNet.Common;\n" \
           f"namespace My.Space {{ public class MyFunction {{ {more}\n    public {signature} {{ {body} }} }} }}\n"


def test_fissions_dotnet_core_context(loaded):
    answer = loaded({"func.cs": core(ECHO)}).call("POST", "/?a=%C3%BC+x", "böse".encode())
    assert (answer.status, answer.text) == (200, "POST ü x böse")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_headers_url_body_stream_logger_and_settings(loaded):
    body = """c.Logger.WriteInfo("seen {0}", 7);
        c.Logger.WriteError("{json}");
        var body = new StreamReader(c.Request.Body).ReadToEnd();
        return c.Request.Url + " " + c.Request.Headers["x-own"].First() + " " + body + " " + c.GetSettings<Settings>("settings.json").Port;"""
    code = core(body) + "public class Settings { public string Port { get; set; } }"
    runtime = loaded({"func.cs": code, "settings.json": '{"port": 1002}'})
    answer = runtime.call("POST", "/p?a=1", b"text", {"X-Own": "v", "Host": "example.org", "X-Request-Id": "r1"})
    assert answer.text == "http://example.org/p?a=1 v text 1002"
    assert runtime.wait_for_message("Info: seen 7")["request_id"] == "r1"
    assert runtime.wait_for_message("Error: {json}")


def test_fissions_dotnet_6_interface(loaded):
    code = """using Fission.Functions;
public class Any : IFissionFunction {
    public object Execute(FissionContext c) { c.Logger.WriteInfo("six"); return new { Body = c.Request.GetBodyAsString(), A = c.Arguments["a"] }; }
}
public class Other { public string Execute(FissionContext c) { return "other"; } }"""
    answer = loaded({"f.cs": code}).call("POST", "/?a=1", b"x")
    assert answer.json == {"body": "x", "a": "1"}
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("signature, body, wanted", [
    ("object Execute(FissionContext c)", "var h = c as FissionHttpContext; return h.Method + h.Url + h.Parameters[\"id\"];", "POST/7"),
    ("async Task<object> ExecuteAsync(FissionContext c)", "await Task.Delay(1); return await c.ContentAsString();", "body"),
    ("async Task<string> Execute(FissionContext c, ILogger logger)", "logger.LogInformation(\"x\"); await Task.Yield(); return c.FunctionName;", "fn"),
    ("object Execute(FissionContext c)", "return new Dictionary<string, int> { { \"KeyName\", 1 } };", '{"KeyName":1}'),
    ("async Task Execute(FissionContext c)", "await Task.Delay(1);", ""),
    ("byte[] Execute(FissionHttpContext c)", "return new byte[] { 65 };", "A"),
])
def test_fissions_dotnet_8_context(loaded, signature, body, wanted):
    runtime = loaded({"f.cs": common(signature, body)}, "My.Space.MyFunction")
    answer = runtime.call("POST", "/", b"body", {"X-Fission-Params-Id": "7", "X-Fission-Function-Name": "fn"})
    assert (answer.status, answer.text) == (200, wanted)


def test_queue_messages_are_told_from_requests(loaded):
    code = common("object Execute(FissionContext c)", "return c is FissionMqContext ? ((FissionMqContext)c).Topic : \"http\";")
    runtime = loaded({"f.cs": code})
    assert runtime.call("POST", "/", b"m", {"Topic": "t"}).text == "t"
    assert runtime.call("POST", "/", b"m", {"X-Fission-MQTrigger-Topic": "u"}).text == "u"
    assert runtime.call().text == "http"


def test_cors_policy_is_applied_to_preflights_and_answers(loaded):
    policy = "public static void SetCorsPolicy(ICorsPolicy p) { p.AllowAnyOrigin(); p.WithMethod(new[] { \"GET\", \"PUT\" }); }"
    runtime = loaded({"f.cs": common("object Execute(FissionContext c)", "return \"x\";", policy)})
    answer = runtime.call("OPTIONS", "/", headers={"Access-Control-Request-Method": "PUT"})
    assert (answer.status, answer.headers["Access-Control-Allow-Methods"]) == (200, "GET, PUT")
    assert runtime.call().headers["Access-Control-Allow-Origin"] == "*"


PLAIN = "using Hearth;\npublic static class {0} {{ public static string Handle(Request r) {{ return \"{0} \" + r.Path; }}\n" \
        "    public static string Second(Request r) {{ return \"second\"; }} }}\n"


@pytest.mark.parametrize("files, entry, wanted", [
    ({"A.cs": PLAIN.format("A")}, "", "A /"),
    ({"A.cs": PLAIN.format("A"), "deep/B.cs": PLAIN.format("B")}, "B", "B /"),
    ({"A.cs": PLAIN.format("A")}, "A::Second", "second"),
    ({"A.cs": PLAIN.format("A")}, "A.Second", "second"),
    ({"A.cs": PLAIN.format("A"), "F.cs": core("return \"fission\";")}, "", "fission"),
    ({"F.cs": core("return \"fission\";")}, "whatever", "fission"),
])
def test_entry_points(loaded, files, entry, wanted):
    assert loaded(files, entry).call().text == wanted


def test_a_single_file_of_any_name(dotnet):
    runtime = dotnet()
    answer = runtime.specialize(runtime.code({"user": core("return \"one\";")}) + "/user")
    assert answer.status == 202, answer.text
    assert runtime.call().text == "one"


@pytest.mark.parametrize("files, entry, wanted", [
    ({"f.cs": core("return nothing;")}, "", ["f.cs(7,16): error CS0103", "nothing"]),
    ({"a.cs": PLAIN.format("A"), "b.cs": PLAIN.format("B")}, "", ["no entry point was named", "A, B"]),
    ({"a.cs": PLAIN.format("A")}, "Gone", ["no class Gone", "A"]),
    ({"a.cs": "public class A { public int Execute(int x) { return x; } }"}, "A", ["no method Execute", "no class in it has a method"]),
    ({"a.cs": core("return \"\";", more="static string s = ((string)null).Trim();")}, "", ["System.NullReferenceException", "a.cs:5"]),
    ({"readme.txt": "x"}, "", ["neither .cs files nor assemblies"]),
    ({"a.cs": PLAIN.format("A")}, "Lib:Name:Class", ["has no Lib.dll"]),
])
def test_load_errors(dotnet, files, entry, wanted):
    runtime = dotnet()
    answer = runtime.specialize(runtime.code(files), entry)
    assert answer.status == 500 and answer.headers["Content-Type"].startswith("text/plain")
    for part in wanted:
        assert part in answer.text
    assert "Hearth.Loader" not in answer.text


def test_an_instance_can_be_loaded_after_a_compile_error(dotnet):
    runtime = dotnet()
    assert runtime.specialize(runtime.code({"f.cs": core("return nothing;")})).status == 500
    assert runtime.load({"f.cs": core("return \"now\";")}).call().text == "now"


def test_variables_reach_child_processes(loaded):
    body = """var info = new System.Diagnostics.ProcessStartInfo("/bin/sh", "-c \\"printf %s $GIVEN\\"") { UseShellExecute = false, RedirectStandardOutput = true };
        using (var child = System.Diagnostics.Process.Start(info)) return child.StandardOutput.ReadToEnd();"""
    assert loaded({"f.cs": core(body)}, env={"GIVEN": "grüß"}).call().text == "grüß"


def test_threads_and_tasks_log_with_the_id_of_their_request(loaded):
    body = """var t = new System.Threading.Thread(() => Console.WriteLine("from a thread")); t.Start(); t.Join();
        System.Threading.Tasks.Task.Run(() => Console.Error.WriteLine("from a task")).Wait();
        Console.Write("no end"); return "";"""
    runtime = loaded({"f.cs": core(body)})
    runtime.call(headers={"X-Request-Id": "t1"})
    for part in ("from a thread", "from a task", "no end"):
        assert runtime.wait_for_message(part)["request_id"] == "t1"


def build(tmp_path, files):
    source = tmp_path / "source"
    for path, content in files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(content, encoding="utf-8")
    DOTNET.ensure_installed(builder=True)
    return DOTNET.build(source, tmp_path)


def test_a_build_makes_an_assembly_and_keeps_other_files(dotnet, tmp_path):
    files = {"f.cs": common("object Execute(FissionContext c)", "return System.IO.File.ReadAllText(\"data.txt\");"), "data.txt": "beside"}
    built = build(tmp_path, files)
    assert built.status == 0, built.output
    assert sorted(path.name for path in built.package.iterdir()) == ["data.txt", "function.dll", "function.dll.mdb"]
    assert dotnet().load_folder(built.package, "function:My.Space:MyFunction").call().text == "beside"


def test_nuget_packages_are_refused_without_the_sdk(tmp_path):
    project = '<Project Sdk="Microsoft.NET.Sdk"><ItemGroup><PackageReference Include="X" Version="1" /></ItemGroup></Project>'
    built = build(tmp_path, {"f.cs": "class F {}", "f.csproj": project})
    assert built.status != 0 and "need the .NET SDK" in built.output


def test_the_starter_and_the_examples_run(dotnet, tmp_path):
    built = build(tmp_path, {path.name: path.read_text(encoding="utf-8") for path in (DOTNET.folder / "starter").iterdir()})
    assert built.status == 0, built.output
    assert dotnet().load_folder(built.package).call("GET", "/?name=you").text == "Hello, you!\n"
    runtime = dotnet()
    assert runtime.specialize(DOTNET.folder / "examples/FissionFunction.cs").status == 202
    assert runtime.call("GET", "/?x=1&y=2").text == "3"
    assert dotnet().load_folder(DOTNET.folder / "examples", "Clock").connect()
