"""Set up everything that `make run` and `make test` need: `.venv` with the package, Java, and for tests a browser.

Standard library only, because it runs before anything is installed; readable for old Pythons, because it must tell them
that they are too old. What is already there is left alone, so a second call costs a fraction of a second; a set-up
that was interrupted is begun anew.
"""

import argparse
import base64
import configparser
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "set-up.json"  # written when everything is installed: what was installed from what
ENV = VENV / "env"  # to be sourced by a shell: JAVA_HOME and what Spark needs
OLDEST_PYTHON = (3, 11)
OLDEST_JAVA = 17
TESTED_JAVA = (17, 21, 25)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main():
    """Bring the checkout into working order, or say in one line what stands in the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extras", default="", help="extras of the package to install, with commas between them")
    parser.add_argument("--no-java", action="store_true", help="what follows needs no Java")
    parser.add_argument("--browser", action="store_true", help="what follows can use a Chromium")
    parser.add_argument("--warm", action="store_true", help="what follows plans, and is not to wait for a compiler")
    options = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        this = f"{sys.executable} is {dotted(sys.version_info[:3])}"
        stop(f"planner needs Python {dotted(OLDEST_PYTHON)} or newer, and {this}; type: make PYTHON=/path/to/it")
    extras = {extra for extra in options.extras.split(",") if extra}
    lock = (ROOT / "pyproject.toml").open()
    fcntl.flock(
        lock, fcntl.LOCK_EX
    )  # two of us at once would destroy each other's work; the end of the process unlocks
    install_system_packages(java=not options.no_java, browser=options.browser)
    install_package(extras)
    if options.warm:
        compile_loops()
    write_env(None if options.no_java else find_java())


def say(text):
    """Tell what is being done."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def stop(text):
    """Give up with one line."""
    sys.exit(f"set-up stopped: {text}")


def dotted(version):
    """(3, 11) as 3.11."""
    return ".".join(map(str, version))


# ----------------------------------------------------------------------------------------------------------------- Java


def find_java():
    """Find the home of a Java runtime that Spark can use: JAVA_HOME, then PATH, then where systems put them."""
    homes = []
    if os.environ.get("JAVA_HOME"):
        homes.append(Path(os.environ["JAVA_HOME"]))
    on_path = shutil.which("java")
    if on_path:
        homes.append(Path(on_path).resolve().parent.parent)
    installed = [*Path("/usr/lib/jvm").glob("*"), *Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home")]
    installed = [home for home in installed if not home.is_symlink()]
    homes += sorted(installed, key=lambda home: (java_version(home) not in TESTED_JAVA, java_version(home), str(home)))
    return next((home for home in homes if java_version(home) >= OLDEST_JAVA), None)


def java_version(home):
    """Give the major version of the Java in a folder; 0 for none, or one without a module that Spark needs."""
    if not os.access(home / "bin" / "java", os.X_OK):
        return 0
    try:
        release = (home / "release").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        said = subprocess.run([str(home / "bin" / "java"), "-version"], capture_output=True, text=True, check=False)
        found = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
        return int(found[1]) if found else 0
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    modules = re.search(r'^MODULES="(.*)"', release, re.MULTILINE)
    if not found or (modules and int(found[1]) >= OLDEST_JAVA and "jdk.incubator.vector" not in modules[1].split()):
        return 0
    return int(found[1])


# ------------------------------------------------------------------------------------------------ the system's packages


def install_system_packages(java, browser):
    """Install what the system lacks, where that is allowed; say what to type where it is not."""
    if java:
        name_localhost()
    need_java = java and find_java() is None
    need_browser = browser and not any(map(shutil.which, BROWSERS))
    refused = VENV / "no-browser"
    if need_browser and refused.exists():
        say(f"browser tests will be skipped: {refused.read_text(encoding='utf-8')}")
        need_browser = False
    if not need_java and not need_browser:
        return
    apt = apt_get()
    if need_java:
        install_java(apt)
    if need_browser:
        why = install_browser(apt)
        if why:
            say(f"browser tests will be skipped: {why}")
            VENV.mkdir(exist_ok=True)
            refused.write_text(why, encoding="utf-8")


def install_java(apt):
    """Install a headless Java runtime, or stop with the line to type."""
    advice = "sudo apt-get install openjdk-17-jre-headless"
    if not shutil.which("apt-get"):
        installers = {"dnf": "sudo dnf install java-17-openjdk-headless", "brew": "brew install openjdk@17"}
        installers["zypper"] = "sudo zypper install java-17-openjdk-headless"
        advice = next((line for tool, line in installers.items() if shutil.which(tool)), "install a Java 17 runtime")
    lacking = "Spark needs a Java runtime, 17 or newer, and there is none"
    if apt is None:
        stop(f"{lacking}; to mend it, type: {advice}")
    refresh(apt)
    offered = [f"openjdk-{version}-jre-headless" for version in TESTED_JAVA]
    package = next((name for name in offered if has_candidate(name)), "default-jre-headless")
    say(f"installing {package}, because Spark needs Java and there is none")
    if not install(apt, package) or find_java() is None:
        stop(f"{lacking}, and apt-get could not install {package}; see its message above, or type: {advice}")


def name_localhost():
    """Make localhost known, where PySpark and its JVM meet; a bare Debian in a folder has no /etc/hosts."""
    try:
        socket.getaddrinfo("localhost", None, socket.AF_INET)
        return
    except OSError:
        line, root = "127.0.0.1 localhost", as_root()
    if root is None:
        stop(f"this machine does not know the name localhost; type: echo '{line}' | sudo tee -a /etc/hosts")
    say(f"adding '{line}' to /etc/hosts, because this machine does not know that name")
    run([*root, "sh", "-c", f"echo '{line}' >> /etc/hosts"])


def install_browser(apt):
    """Install Chromium, or tell why not."""
    advice = "no Chromium here; to have them, type: sudo apt-get install chromium && rm .venv/no-browser"
    if apt is None:
        return advice
    refresh(apt)
    # Ubuntu's package of this name is a shell around a snap, which a container cannot install.
    if not has_candidate("chromium") or "snap" in apt_cache("show", "chromium"):
        return "no Chromium here, and the system has no package of it"
    say("installing chromium for the browser tests")
    return None if install(apt, "chromium", "fonts-dejavu-core") else advice


def as_root():
    """Give what to put before a command that only root may run, or None where that is not allowed."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo") or subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return None
    return ["sudo", "-n"]


def apt_get():
    """Give the command that installs packages without asking anything, or None where that is not allowed."""
    root = as_root()
    if root is None or not shutil.which("apt-get"):
        return None
    return [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]


def refresh(apt, done=[]):  # noqa: B006 - remembers over calls that it was done
    """Ask for the newest list of packages, once."""
    if not done:
        done.append(True)
        subprocess.run([*apt, "update"], check=False, stdout=sys.stderr)


def install(apt, *packages):
    """Install packages; True when that worked. What apt says is shown only when it did not."""
    command = [*apt, "install", "-y", "--no-install-recommends", *packages]
    said = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if said.returncode:
        print(said.stdout, file=sys.stderr)
    return said.returncode == 0


def apt_cache(*words):
    """Ask what packages there are."""
    return subprocess.run(["apt-cache", *words], capture_output=True, text=True, check=False).stdout


def has_candidate(package):
    """Tell whether a package can be installed."""
    return bool(re.search(r"Candidate: (?!\(none\))", apt_cache("policy", package)))


# -------------------------------------------------------------------------------------------------- the Python packages


def install_package(extras):
    """Make `.venv` and install the package with its dependencies into it, unless that has been done."""
    wanted = {
        "folder": str(ROOT),  # scripts in a virtual environment name their folder: a moved checkout needs a new one
        "python": f"{sys.version} {getattr(sys, '_base_executable', sys.executable)}",
        "pyproject": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
    }
    stamp = read_stamp()
    same_venv = PYTHON.exists() and all(stamp.get(key) == wanted[key] for key in ("folder", "python"))
    if same_venv and stamp["pyproject"] == wanted["pyproject"] and extras <= set(stamp["extras"]):
        return
    extras |= set(stamp.get("extras", ())) if same_venv else set()
    if same_venv:
        STAMP.unlink()  # from here to the end an interruption leaves no stamp
    else:
        make_venv()
    say("installing the package and what it needs into .venv (minutes the first time: Spark is 400 MB)")
    target = "." + (f"[{','.join(sorted(extras))}]" if extras else "")
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input"]
    if subprocess.run([*pip, "--editable", target], cwd=ROOT, check=False, stdout=sys.stderr).returncode:
        reach_index()
        stop(
            "pip could not install the packages; its message is above; what it fetched is kept, so type the same again"
        )
    STAMP.write_text(json.dumps({**wanted, "extras": sorted(extras)}, indent=1), encoding="utf-8")


def compile_loops():
    """Have everything compiled that planning needs, unless it is; what is not has to be when it is first needed."""
    command = [str(PYTHON), "-m", "planner", "warm"]
    if subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode:
        say("not everything could be compiled; see above. The first plans will take longer")


def read_stamp():
    """Give what the last complete set-up left, or nothing."""
    try:
        return dict(json.loads(STAMP.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def make_venv():
    """Make a new `.venv` with pip in it, whether or not the system's Python brings pip along."""
    say(f"making .venv with Python {dotted(sys.version_info[:3])}")
    kept = {path: path.read_bytes() for path in [VENV / "no-browser"] if path.exists()}
    command = [sys.executable, "-m", "venv", "--clear"]
    # Debian keeps ensurepip in a package of its own (python3-venv); pip's wheel from the index does as well.
    if subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode:
        run([*command, "--without-pip", str(VENV)])
        wheel = fetch_pip()
        run([str(PYTHON), str(wheel / "pip"), "install", "--quiet", "--no-index", str(wheel)])
    else:
        run([*command, str(VENV)])
    for path, content in kept.items():
        path.write_bytes(content)


def run(command):
    """Run a command that has to work."""
    done = subprocess.run(command, check=False, stdout=sys.stderr)
    if done.returncode:
        stop(f"this command failed: {shlex.join(command)}")


# ------------------------------------------------------------------------------------------------ pip without ensurepip


def fetch_pip():
    """Bring pip's newest wheel into `.venv`, from a local folder of wheels or from the package index."""
    local = [path for folder in pip_setting("find-links").split() for path in Path(folder).glob("pip-*-none-any.whl")]
    if local:
        return max(local, key=lambda path: wheel_version(path.name))
    page = index_page()
    with open_url(page) as answer:
        base, text = answer.url, answer.read().decode("utf-8")
    links = [
        urllib.parse.urljoin(base, found[1].replace("&amp;", "&"))
        for found in re.finditer(r'<a[^>]*href="([^"]+)"[^>]*>', text)
        if wheel_version(file_name(found[1])) and "data-yanked" not in found[0]
    ]
    if not links:
        stop(f"no wheel of pip at {page}; to mend it, type: sudo apt-get install python3-venv")
    link = max(links, key=lambda link: wheel_version(file_name(link)))
    say(f"fetching {file_name(link)}, because this Python comes without pip")
    with open_url(link) as answer:
        content = answer.read()
    digest = re.search(r"#sha256=([0-9a-f]{64})", link)
    if digest and hashlib.sha256(content).hexdigest() != digest[1]:
        stop(f"{link} arrived damaged; type the same again")
    wheel = VENV / file_name(link)
    wheel.write_bytes(content)
    return wheel


def file_name(link):
    """Give a link's last part."""
    return urllib.parse.unquote(urllib.parse.urlsplit(link).path.rsplit("/", 1)[-1])


def wheel_version(name):
    """Give the version of a pip wheel for comparison; empty for pre-releases and everything else."""
    found = re.fullmatch(r"pip-(\d+(?:\.\d+)*)-py3-none-any\.whl", name)
    return tuple(map(int, found[1].split("."))) if found else ()


def index_page():
    """Give the page of the package index that lists pip's files."""
    return (pip_setting("index-url") or "https://pypi.org/simple").rstrip("/") + "/pip/"


def reach_index():
    """Stop with one clear line when the package index cannot be reached."""
    with open_url(index_page()):
        pass


def open_url(link):
    """Open a link the way pip would: its certificates, its proxy, credentials from the address."""
    certificates = pip_setting("cert") or None
    handlers = [urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificates))]
    if pip_setting("proxy"):
        handlers.append(urllib.request.ProxyHandler({"http": pip_setting("proxy"), "https": pip_setting("proxy")}))
    parts = urllib.parse.urlsplit(link)
    request = urllib.request.Request(link)
    if parts.username:
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        request = urllib.request.Request(urllib.parse.urlunsplit(bare))
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    try:
        return urllib.request.build_opener(*handlers).open(request, timeout=30)
    except OSError as error:  # a URLError is one, too, with the reason inside
        reason = getattr(error, "reason", None) or error
        shown = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        stop(f"{shown} cannot be reached ({reason}); check the network, or set PIP_INDEX_URL to another index")


def pip_setting(name):
    """Give one of pip's settings, from its environment variables or its files; empty when it is not set."""
    variable = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if variable:
        return variable
    home = Path.home()
    system = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    files = [*system, home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"]
    if os.environ.get("PIP_CONFIG_FILE"):
        files.append(Path(os.environ["PIP_CONFIG_FILE"]))
    settings = configparser.RawConfigParser()
    settings.read(files, encoding="utf-8")
    for section in ("install", "global"):
        if settings.has_option(section, name):
            return settings.get(section, name)
    return ""


# ------------------------------------------------------------------------------------------------------ the environment


def write_env(java):
    """Write what a shell has to source before it starts Spark."""
    site_packages = VENV / "lib" / f"python{dotted(sys.version_info[:2])}" / "site-packages"
    lines = [
        f'export PATH={shlex.quote(str(VENV / "bin"))}:"$PATH"',
        # Without it executors take the system's Python, which has none of the packages.
        f"export PYSPARK_PYTHON={shlex.quote(str(PYTHON))}",
        f"export PYSPARK_DRIVER_PYTHON={shlex.quote(str(PYTHON))}",
        # Else another Spark's may be set; and Spark's own search for it fails in a folder with a space in its name.
        f"export SPARK_HOME={shlex.quote(str(site_packages / 'pyspark'))}",
        "unset PYTHONHOME",
        # Tests start Python some fifty times: what was compiled once is to be kept.
        "unset PYTHONDONTWRITEBYTECODE",
        # A bare system has no locale, and then Java cannot name files beyond ASCII.
        '[ -n "${LC_ALL:-}${LC_CTYPE:-}${LANG:-}" ] || export LC_ALL=C.UTF-8',
    ]
    if java is not None:
        lines.insert(0, f"export JAVA_HOME={shlex.quote(str(java))}")
    text = "\n".join(lines) + "\n"
    if not ENV.exists() or ENV.read_text(encoding="utf-8") != text:
        ENV.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("set-up interrupted; type the same again and it begins anew")
