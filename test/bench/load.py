"""wrk, nginx as the reference proxy, and nginx as the function's process."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

# The function's process: nginx in one process, answering from memory; speaks the environment contract.
UPSTREAM_SCRIPT = r"""
listen="${HEARTH_LISTEN#unix:}"; case "$HEARTH_LISTEN" in unix:*) listen="unix:$listen";; *) listen="${HEARTH_LISTEN#tcp:}";; esac
dir=$(mktemp -d); mkdir -p "$dir/logs"
head -c 1048576 /dev/zero | tr '\0' x > "$dir/1m"
cat > "$dir/nginx.conf" <<CONF
daemon off; master_process off; error_log /dev/null; pid $dir/pid;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path $dir/body; client_max_body_size 0; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f;
  uwsgi_temp_path $dir/u; scgi_temp_path $dir/s; keepalive_requests 100000000; keepalive_timeout 300s;
  server {
    listen $listen backlog=4096;
    location = /v2/specialize { return 200; }
    location = /healthz { return 200; }
    location = /1m { alias $dir/1m; }
    location / { return 200 "hello, world\n"; }
  }
}
CONF
exec nginx -p "$dir" -c "$dir/nginx.conf"
"""

PROXY_CONF = """
daemon off; error_log /dev/null; pid {folder}/pid; worker_processes 1;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 100000000; keepalive_timeout 300s; client_max_body_size 0;
  upstream function {{ server {upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://function; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; }}
    location = /prefix {{ proxy_pass http://function/; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


class NginxProxy:
    """The reference: one nginx worker proxying the same upstream with keep-alive."""

    def __init__(self, upstream, port):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bench-nginx-"))
        os.chmod(self.folder, 0o755)
        (self.folder / "nginx.conf").write_text(PROXY_CONF.format(folder=self.folder, upstream=upstream, port=port))
        self.address = f"127.0.0.1:{port}"

    def __enter__(self):
        # The worker keeps the user, so that it may open the instance's socket.
        self.process = subprocess.Popen(["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf",
                                         "-g", "user root;" if os.geteuid() == 0 else ""])
        time.sleep(0.5)
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        self.worker = int(children[0])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def wrk(url, connections, seconds, threads=1, script=None):
    """Requests per second, latencies in microseconds, errors."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "60s", url]
    if script:
        command[1:1] = ["-s", script]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    requests = int(re.search(r"(\d+) requests in", text).group(1))

    def latency(share):
        number, unit = re.search(rf"\s{share}%\s+([\d.]+)(us|ms|s|m)", text).groups()
        return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]

    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return {"rate": rate, "requests": requests, "p50_us": latency(50), "p99_us": latency(99),
            "non_2xx": int(bad.group(1)) if bad else 0,
            "socket_errors": sum(map(int, socket_errors.groups())) if socket_errors else 0}
