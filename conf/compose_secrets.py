"""Make the secrets that docker-compose.yml names, each once: `make up` calls this.

Their folder is closed to others. The files in it are not, because containers read them as another user.
"""

import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_secrets(folder):
    """Write what is not there yet: settings with Spark's secret, and the token of the notebook.

    Parameters
    ----------
    folder : Path
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    made = {"spark.conf": f"spark.authenticate.secret {secrets.token_hex(32)}\n", "notebook": secrets.token_hex(24)}
    for name, text in made.items():
        if not (folder / name).exists():
            partial = folder / f"{name}.partial"
            partial.write_text(text)
            partial.chmod(0o444)
            partial.replace(folder / name)


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".secrets")
