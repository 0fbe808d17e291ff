"""Print the lowest version of each core dependency that pyproject.toml allows, as pip's constraints.

python .ci/lowest.py > lowest.txt
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
for requirement in project["dependencies"]:
    name, lowest = re.match(r"([\w.-]+)(?:\[.*\])?.*>=([\w.]+)", requirement).groups()
    print(f"{name}=={lowest}")
