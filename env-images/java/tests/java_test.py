"""Fission's jvm contract, entry points, bodies and load errors of the Java environment."""

import subprocess

import pytest

import environment_under_test as eut

HEAD = """import io.fission.Context;
import io.fission.Function;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
"""
JAVA = eut.Environment("java")


@pytest.fixture
def java(start_environment):
    return lambda **options: start_environment("java", **options)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """compiled({path: source}) builds a package with the environment's builder; equal sources are built once."""
    made = {}

    def build(files):
        key = str(sorted(files.items()))
        if key not in made:
            source = tmp_path_factory.mktemp("source")
            for path, content in files.items():
                (source / path).parent.mkdir(parents=True, exist_ok=True)
                (source / path).write_text(content, encoding="utf-8")
            JAVA.ensure_installed(builder=True)
            made[key] = JAVA.build(source, tmp_path_factory.mktemp("scratch"))
        return made[key]

    return build


def function(body, name="F", parameters="", extra=""):
    return {f"{name}.java": f"""{HEAD}public class {name} implements Function{parameters} {{
    {extra}
    @Override
    public ResponseEntity<?> call(RequestEntity request, Context context) {{
        {body}
    }}
}}
"""}


@pytest.fixture
def loaded(java, compiled):
    def load(files, entry="", **more):
        built = compiled(files)
        assert built.status == 0, built.output
        return java().load_folder(built.package, entry, **more)
    return load


ECHO = """Object body = request.getBody();
        return ResponseEntity.ok((body == null ? "null" : body.getClass().getSimpleName()) + " "
                + (body instanceof byte[] ? new String((byte[]) body) : body));"""


@pytest.mark.parametrize("content_type, body, wanted", [
    ("application/json", b'{"a": [1, "x"]}', "LinkedHashMap {a=[1, x]}"),
    ("application/json", b"[1]", "ArrayList [1]"),
    ("application/problem+json", b'{"a": 1}', "LinkedHashMap {a=1}"),
    ("application/xml", b"<r><a>1</a></r>", "LinkedHashMap {a=1}"),
    ("application/x-www-form-urlencoded", b"a=1&b=%C3%BC", "LinkedMultiValueMap {a=[1], b=[\xfc]}"),
    ("text/plain; charset=iso-8859-1", b"\xfc", "String \xfc"),
    ("application/octet-stream", b"raw", "byte[] raw"),
    (None, b"raw", "byte[] raw"),
    ("application/json", b"", "null null"),
])
def test_without_a_type_parameter_the_content_type_chooses_the_body(loaded, content_type, body, wanted):
    answer = loaded(function(ECHO)).call("POST", "/", body, {"Content-Type": content_type} if content_type else {})
    assert (answer.status, answer.text) == (200, wanted)


@pytest.mark.parametrize("parameters, wanted", [
    ("<RequestEntity<String>, ResponseEntity<?>>", 'String {"a": 1}'),
    ("<String, String>", 'String {"a": 1}'),
    ("<RequestEntity<byte[]>, ResponseEntity<?>>", 'byte[] {"a": 1}'),
    ("<Map<String, Long>, String>", "LinkedHashMap {a=1}"),
    ("<Object, Object>", "LinkedHashMap {a=1}"),
    ("<RequestEntity<F.Pojo>, ResponseEntity<?>>", "Pojo pojo 1"),
])
def test_the_type_parameter_chooses_the_body(loaded, parameters, wanted):
    pojo = 'public static class Pojo { public int a; public String toString() { return "pojo " + a; } }'
    runtime = loaded(function(ECHO, parameters=parameters, extra=pojo))
    assert runtime.call("POST", "/", b'{"a": 1}', {"Content-Type": "application/json"}).text == wanted


def test_a_body_that_is_no_json_is_the_callers_fault(loaded):
    answer = loaded(function(ECHO)).call("POST", "/", b'{"a"', {"Content-Type": "application/json"})
    assert answer.status == 400 and "cannot be read" in answer.text


@pytest.mark.parametrize("expression, content_type, wanted", [
    ('ResponseEntity.ok("t\\u00fc")', "text/plain;charset=UTF-8", "tü".encode()),
    ("ResponseEntity.ok(new byte[] {0, 1})", "application/octet-stream", b"\x00\x01"),
    ("ResponseEntity.ok(Map.of(\"a\", List.of(1)))", "application/json", b'{"a":[1]}'),
    ("ResponseEntity.ok().header(\"Content-Type\", \"application/json\").body(\"[1]\")", "application/json", b"[1]"),
    ("ResponseEntity.ok().header(\"Content-Type\", \"application/xml\").body(Map.of(\"a\", 1))", "application/xml", b"<Map1><a>1</a></Map1>"),
    ("ResponseEntity.ok(new java.io.ByteArrayInputStream(\"s\".getBytes()))", "application/octet-stream", b"s"),
    ("ResponseEntity.ok(new org.springframework.core.io.ByteArrayResource(\"res\".getBytes()))", "application/octet-stream", b"res"),
    ("ResponseEntity.noContent().build()", None, b""),
    ("null", None, b""),
])
def test_answers(loaded, expression, content_type, wanted):
    answer = loaded(function(f"return {expression};")).call()
    assert answer.status in (200, 204), answer.text
    assert answer.body == wanted
    assert answer.headers["Content-Type"] == content_type


def test_the_context_tells_request_function_and_path_parameters(loaded):
    body = 'return ResponseEntity.ok(context.requestId() + " " + context.functionName() + " " + context.pathParameters());'
    headers = {"X-Request-Id": "r1", "X-Fission-Function-Name": "f", "X-Fission-Params-Id": "7"}
    assert loaded(function(body)).call(headers=headers).text == "r1 f {Id=7}"


def test_a_class_file_of_fissions_library_is_called(loaded):
    """Fission's interface has two free type parameters and this erased method; raw implementations compile to it."""
    built = compiled_descriptor(JAVA.folder / ".prepared/fission-java-core.jar")
    assert "(Lorg/springframework/http/RequestEntity;Lio/fission/Context;)Lorg/springframework/http/ResponseEntity;" in built


def compiled_descriptor(jar):
    done = subprocess.run(["javap", "-s", "-cp", str(jar), "io.fission.Function"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("path, wanted", [
    ("/a%20b?q=%C3%BC&x=1+2", "/a%20b q=%C3%BC&x=1+2"),
    ("/a%2Fb/../c", "/a%2Fb/../c null"),
    ("/pipe|x?a=[1]", "/pipe%7Cx a=%5B1%5D"),
])
def test_paths_arrive_as_sent(loaded, path, wanted):
    body = 'return ResponseEntity.ok(request.getUrl().getRawPath() + " " + request.getUrl().getRawQuery());'
    assert loaded(function(body)).call("GET", path).text == wanted


def test_response_status_exception_chooses_its_status(loaded):
    body = 'throw new org.springframework.web.server.ResponseStatusException(org.springframework.http.HttpStatus.GONE, "moved");'
    answer = loaded(function(body)).call()
    assert (answer.status, answer.text) == (410, "moved\n")


def test_an_error_does_not_end_the_instance(loaded):
    runtime = loaded(function('if (request.getUrl().getPath().equals("/bad")) throw new StackOverflowError("deep"); return ResponseEntity.ok("fine");'))
    assert runtime.call("GET", "/bad").status == 500
    runtime.wait_for_message("StackOverflowError: deep")
    assert runtime.call().text == "fine"


@pytest.mark.parametrize("files, entry, wanted", [
    (function('return ResponseEntity.ok("x");'), "Gone", ["no class Gone", "io.fission.Function: F"]),
    ({"G.java": "public class G {}"}, "G", ["G does not implement io.fission.Function"]),
    ({**function('return ResponseEntity.ok("x");'), **function('return ResponseEntity.ok("x");', name="G")}, "", ["no entry point was named", "F, G"]),
    (function('return ResponseEntity.ok("x");', extra="public F(int a) {}"), "F", ["needs a constructor without parameters"]),
    (function('return ResponseEntity.ok("x");', extra='static { Object o = null; o.toString(); }'), "F",
     ["ExceptionInInitializerError", "NullPointerException", "F.java:9"]),
])
def test_load_errors(java, compiled, files, entry, wanted):
    built = compiled(files)
    assert built.status == 0, built.output
    runtime = java()
    answer = runtime.specialize(built.package, entry)
    assert answer.status == 500 and answer.headers["Content-Type"].startswith("text/plain")
    for part in wanted:
        assert part in answer.text
    assert "io.hearth.java" not in answer.text


def test_sources_without_a_build_are_named(java):
    runtime = java()
    answer = runtime.specialize(runtime.code({"F.java": "class F {}"}), "F")
    assert answer.status == 500 and "let a build make them" in answer.text


@pytest.mark.parametrize("entry", ["", "pack.F"])
def test_a_jar_file_of_any_name_and_a_folder_of_jars(java, compiled, tmp_path, entry):
    files = {"pack/F.java": "package pack;\n" + function('return ResponseEntity.ok("jar");')["F.java"]}
    built = compiled(files)
    jar = tmp_path / "folder" / "f.jar"
    jar.parent.mkdir()
    subprocess.run(["jar", "--create", "--file", str(jar), "-C", str(built.package), "."], check=True)
    assert java().load_folder(jar.parent, entry).call().text == "jar"
    assert java().load_folder(jar.rename(tmp_path / "user"), entry).call().text == "jar"


def test_libraries_in_lib_are_found_and_the_servers_own_are_not_in_the_way(loaded, compiled, tmp_path):
    """A package may bring a class that the loader has too: its own is taken."""
    server = {"org/eclipse/jetty/server/Server.java": 'package org.eclipse.jetty.server; public class Server { public static String own() { return "mine"; } }'}
    body = "return ResponseEntity.ok(org.eclipse.jetty.server.Server.own());"
    assert loaded({**function(body), **server}, "F").call().text == "mine"


def test_resources_and_the_context_class_loader(loaded):
    body = """try (InputStream in = Thread.currentThread().getContextClassLoader().getResourceAsStream("data/text.txt")) {
            return ResponseEntity.ok(new String(in.readAllBytes()));
        } catch (java.io.IOException e) { throw new IllegalStateException(e); }"""
    assert loaded({**function(body), "data/text.txt": "resource"}).call().text == "resource"


def test_variables_reach_child_processes(loaded):
    body = """try {
            Process inherited = Runtime.getRuntime().exec(new String[] {"sh", "-c", "printf %s $GIVEN"});
            ProcessBuilder built = new ProcessBuilder("sh", "-c", "printf %s $GIVEN$MORE");
            built.environment().put("MORE", "!");
            return ResponseEntity.ok(System.getenv("GIVEN") + " " + new String(inherited.getInputStream().readAllBytes()) + " "
                    + new String(built.start().getInputStream().readAllBytes()));
        } catch (java.io.IOException e) { throw new IllegalStateException(e); }"""
    assert loaded(function(body), env={"GIVEN": "grüß"}).call().text == "grüß grüß grüß!"


def test_threads_started_by_a_call_log_with_its_id(loaded):
    body = """Thread other = new Thread(() -> { System.out.println("from a thread"); System.err.print("half"); System.err.println(" line"); });
        other.start();
        try { other.join(); } catch (InterruptedException e) { throw new IllegalStateException(e); }
        java.util.logging.Logger.getLogger("mine").info("logged");
        org.slf4j.LoggerFactory.getLogger("other").warn("warned {}", 7);
        System.out.print("no end");
        return ResponseEntity.ok("x");"""
    runtime = loaded(function(body))
    runtime.call(headers={"X-Request-Id": "t1"})
    for part in ("from a thread", "half line", "INFO mine: logged", "WARNING other: warned 7", "no end"):
        assert runtime.wait_for_message(part)["request_id"] == "t1"


def test_a_compile_error_is_javacs_own_text(compiled):
    built = compiled(function("return nothing;"))
    assert built.status != 0
    assert "F.java:12: error: cannot find symbol" in built.output and "return nothing;" in built.output


def test_gradle_is_refused_with_a_way_out(compiled):
    built = compiled({"build.gradle": "plugins {}"})
    assert built.status != 0 and "buildcmd" in built.output


POM = """<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>thin</artifactId><version>1</version>
<properties><maven.compiler.release>17</maven.compiler.release></properties>
<dependencies>
<dependency><groupId>io.fission</groupId><artifactId>fission-java-core</artifactId><version>0.0.2-SNAPSHOT</version><scope>provided</scope></dependency>
<dependency><groupId>org.springframework</groupId><artifactId>spring-web</artifactId><version>6.2.18</version><scope>provided</scope></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
</dependencies></project>"""


def test_a_plain_pom_gets_its_dependencies_beside_the_jar(java, compiled):
    files = {"pom.xml": POM, "src/main/java/F.java": function('return ResponseEntity.ok("thin");')["F.java"]}
    built = compiled(files)
    assert built.status == 0, built.output
    names = sorted(str(path.relative_to(built.package)) for path in built.package.rglob("*.jar"))
    assert names == ["lib/slf4j-api-2.0.17.jar", "lib/slf4j-nop-2.0.17.jar", "thin-1.jar"]
    assert java().load_folder(built.package).call().text == "thin"


def test_the_starter_and_the_examples_build_and_run(java, compiled):
    def sources(folder):
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}

    starter = compiled(sources(JAVA.folder / "starter"))
    assert starter.status == 0, starter.output
    assert java().load_folder(starter.package).call("GET", "/?name=you").text == "Hello, you!\n"
    examples = compiled(sources(JAVA.folder / "examples"))
    assert examples.status == 0, examples.output
    answer = java().load_folder(examples.package, "Upload").call("POST", "/", b"123456789")
    assert answer.json == {"length": 9, "crc32": "cbf43926"}
    assert java().load_folder(examples.package, "Hello").call().text == "Hello, world!\n"
