"""A small hub on this machine: as much of the real one's interface as its library uses here."""

import base64
import contextlib
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

READER, WRITER = "hf_reader", "hf_writer"
LARGE = re.compile(r".*\.(pt|pkl|safetensors)")
PAGE = 3  # entries of a file list on one page


@dataclass
class Repository:
    """Its commits, each {path: content}; the last one is `main`."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(self, files: dict[str, bytes]) -> str:
        name = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[name] = files
        return name

    @property
    def main(self) -> str:
        return list(self.commits)[-1]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.main]


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class HubServer:
    """`repositories` by name; `breaks[path]` lists after how many bytes answers end early.

    `damaged` paths are sent with one byte changed. `requests` are (method, path, headers).
    Large files are redirected to another host name, as the real hub does.
    """

    def __init__(self):
        self.repositories: dict[str, Repository] = {}
        self.breaks: dict[str, list[int]] = {}
        self.damaged: set[str] = set()
        self.requests: list[tuple[str, str, dict]] = []
        self.stored: dict[str, bytes] = {}  # large files sent here, by hash
        self.sent = 0  # bytes of file contents
        self.ranges = True  # whether a part of a file can be asked for
        server = self

        class Handler(_Handler):
            hub = server

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.other_host = f"http://localhost:{self.http.server_port}"

    def publish(self, name: str, files: dict[str, bytes], **properties) -> Repository:
        repository = self.repositories.setdefault(name, Repository(**properties))
        repository.commit(dict(files))
        return repository

    def asked_for(self, fragment: str, method: str = "GET") -> list[dict]:
        """Headers of the requests whose path contains `fragment`."""
        return [headers for m, path, headers in self.requests if m == method and fragment in path]

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer

    def log_message(self, *_):
        pass

    # -- plumbing ---------------------------------------------------------------------------------

    def handle_any(self):
        path = unquote(urlsplit(self.path).path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.hub.requests.append((self.command, path, headers))
        self.body = self._read_body()
        for pattern, method in ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                with contextlib.suppress(ConnectionError):
                    return getattr(self, method)(*match.groups())
                return None
        return self.refuse(404)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, value, status=200, headers=()):
        content = json.dumps(value).encode()
        self.send_response(status)
        for key, text in dict(headers).items():
            self.send_header(key, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code=None, message="no"):
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.answer({"error": message}, status, headers)

    def token(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def find(self, name, revision=None):
        """Return (repository, commit), or answer with an error and return None."""
        repository = self.hub.repositories.get(name)
        if self.token() not in ("", READER, WRITER):
            return self.refuse(401, message="Invalid credentials in Authorization header")
        if repository is None or (repository.private and not self.token()):
            return self.refuse(404 if self.token() else 401, "RepoNotFound")
        if repository.gated:
            return self.refuse(403, "GatedRepo")
        commit = repository.main if revision in (None, "main") else revision
        if commit not in repository.commits:
            return self.refuse(404, "RevisionNotFound")
        return repository, commit

    def who(self):
        if self.token() != WRITER:
            return self.refuse(401, message="Invalid credentials in Authorization header")
        role = {"accessToken": {"role": "write", "displayName": "test"}, "type": "access_token"}
        return self.answer({"type": "user", "name": "me", "orgs": [], "auth": role})

    # -- reading ----------------------------------------------------------------------------------

    def model_info(self, name, revision=None):
        if found := self.find(name, revision):
            repository, commit = found
            names = [{"rfilename": path} for path in repository.commits[commit]]
            info = {"id": name, "modelId": name, "sha": commit, "siblings": names}
            self.answer(info | {"private": repository.private, "tags": [], "downloads": 0})

    def tree(self, name, revision):
        if found := self.find(name, revision):
            repository, commit = found
            entries = [_entry(*item) for item in sorted(repository.commits[commit].items())]
            folders = sorted({e["path"].rpartition("/")[0] for e in entries} - {""})
            entries += [{"type": "directory", "oid": "0" * 40, "path": f} for f in folders]
            start = int((re.findall(r"cursor=(\d+)", self.path) or ["0"])[0])
            more = start + PAGE < len(entries)
            target = f"{self.hub.url}{urlsplit(self.path).path}?recursive=1&cursor={start + PAGE}"
            headers = {"Link": f'<{target}>; rel="next"'} if more else {}
            self.answer(entries[start : start + PAGE], headers=headers)

    def resolve(self, name, revision, path):
        found = self.find(name, revision)
        if not found:
            return None
        repository, commit = found
        content = repository.commits[commit].get(path)
        if content is None:
            return self.refuse(404, "EntryNotFound")
        if not LARGE.fullmatch(path):
            return self.send_content(path, content, commit)
        self.send_response(302)
        self.send_header("Location", f"{self.hub.other_host}/cdn/{name}/{commit}/{path}")
        self.send_header("X-Repo-Commit", commit)
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Linked-Etag", f'"{sha256(content)}"')
        self.send_header("Content-Length", "0")
        return self.end_headers()

    def from_elsewhere(self, name, commit, path):
        self.send_content(path, self.hub.repositories[name].commits[commit][path], commit)

    def send_content(self, path, content, commit):
        etag = sha256(content) if LARGE.fullmatch(path) else git_sha1(content)
        if path in self.hub.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        asked = asked if self.hub.ranges else None
        start = int(asked[1]) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        rest = content[start:]
        if self.hub.breaks.get(path):
            rest = rest[: self.hub.breaks[path].pop(0)]
        self.hub.sent += len(rest)
        self.wfile.write(rest)

    # -- writing ----------------------------------------------------------------------------------

    def may_write(self, name):
        if not self.token():
            return self.refuse(401, message="Invalid username or password.")
        if self.token() != WRITER or not name.startswith("me/"):
            return self.refuse(403, message="You don't have the rights to create a model here")
        return True

    def create(self):
        wanted = json.loads(self.body)
        name = f"{wanted['organization']}/{wanted['name']}"
        if self.may_write(name):
            there = name in self.hub.repositories
            if not there:
                hidden = wanted.get("visibility") == "private" or bool(wanted.get("private"))
                self.hub.publish(name, {".gitattributes": b"*.pt filter=lfs\n"}, private=hidden)
            self.answer({"url": f"{self.hub.url}/{name}", "name": name}, 409 if there else 200)

    def validate_yaml(self):
        header = yaml.safe_load(json.loads(self.body)["content"].split("---")[1])
        known = header["license"] in ("mit", "apache-2.0")
        errors = [] if known else [{"message": '"license" must be one of [apache-2.0, mit]'}]
        self.answer({"errors": errors, "warnings": []}, 200 if known else 400)

    def preupload(self, name, _revision):
        if self.may_write(name):
            present = self.hub.repositories[name].files
            self.answer(
                {
                    "files": [
                        {
                            "path": file["path"],
                            "uploadMode": "lfs" if LARGE.fullmatch(file["path"]) else "regular",
                            "shouldIgnore": False,
                            "oid": _oid(file["path"], present.get(file["path"])),
                        }
                        for file in json.loads(self.body)["files"]
                    ]
                }
            )

    def batch(self, name):
        if self.may_write(name):
            objects = []
            for wanted in json.loads(self.body)["objects"]:
                upload = {"href": f"{self.hub.other_host}/storage/{wanted['oid']}"}
                actions = {} if wanted["oid"] in self.hub.stored else {"upload": upload}
                objects.append(wanted | ({"actions": actions} if actions else {}))
            self.answer({"transfer": "basic", "objects": objects})

    def store(self, name):
        assert sha256(self.body) == name
        self.hub.stored[name] = self.body
        self.answer({})

    def commit(self, name, _revision):
        if self.may_write(name):
            repository = self.hub.repositories[name]
            files = dict(repository.files)
            for line in self.body.splitlines():
                item = json.loads(line)
                value = item["value"]
                if item["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                if item["key"] == "lfsFile":
                    files[value["path"]] = self.hub.stored[value["oid"]]
            made = repository.commit(files)
            self.answer({"commitUrl": f"{self.hub.url}/{name}/commit/{made}", "commitOid": made})


def _oid(path, content):
    if content is None:
        return None
    return sha256(content) if LARGE.fullmatch(path) else git_sha1(content)


def _entry(path, content):
    entry = {"type": "file", "path": path, "size": len(content), "oid": git_sha1(content)}
    if LARGE.fullmatch(path):
        entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
    return entry


NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = (
    ("/api/whoami-v2", "who"),
    ("/api/repos/create", "create"),
    ("/api/validate-yaml", "validate_yaml"),
    (rf"/api/models/{NAME}", "model_info"),
    (rf"/api/models/{NAME}/revision/(.+)", "model_info"),
    (rf"/api/models/{NAME}/tree/([^/]+)", "tree"),
    (rf"/api/models/{NAME}/preupload/(.+)", "preupload"),
    (rf"/api/models/{NAME}/commit/(.+)", "commit"),
    (rf"/{NAME}\.git/info/lfs/objects/batch", "batch"),
    (r"/storage/(\w+)", "store"),
    (rf"/cdn/{NAME}/(\w+)/(.+)", "from_elsewhere"),
    (rf"/{NAME}/resolve/([^/]+)/(.+)", "resolve"),
)
