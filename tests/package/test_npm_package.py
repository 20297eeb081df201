"""The npm package: what is in it, what it needs, and that tools understand it."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from spa_runtime.bundle.options import OPTION_NAMES
from tests.package.conftest import NODE_MODULES, ROOT, VERSION, Consumer

REGISTERED = """
export interface Jobs {
  'import-csv': { input: { filename: string }; output: { imported: number } }
}
declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
"""
USES = """
import { createDurably, type InputOf } from 'durably'
import { DurablyDashboard, type StartProps } from 'durably/dashboard'
import { DurablyProvider, useJob } from 'durably/react'
import type { Jobs } from './jobs.gen.js'

export const input: InputOf<'import-csv'> = { filename: 'a.csv' }
// @ts-expect-error -- a field that the job has not
export const wrong: InputOf<'import-csv'> = { file: 'a.csv' }

export function useImport(): number | undefined {
  // @ts-expect-error -- no such job
  useJob('import-svc')
  return useJob('import-csv').output?.imported
}

export const client = createDurably({ spa: {} })
export const output: Jobs['import-csv']['output'] = { imported: 1 }
export { DurablyProvider }
export const dashboard = DurablyDashboard({ jobName: 'import-csv', location: 'memory' })
export const start = ({ start }: StartProps) => start({ filename: 'a.csv' }, { stay: true })
// @ts-expect-error -- no such place
DurablyDashboard({ location: 'cookie' })
"""
VITE_CONFIG = """
import { durably } from 'durably/vite'
import { defineConfig } from 'vite'

export default defineConfig({ plugins: [durably({ jobs: 'jobs.py', options: { lease_ms: 5000 } })] })
"""


def imports(consumer: Consumer, name: str) -> set[str]:
    """What a built file imports by name, itself or through files beside it."""
    program = f"""
      import {{ rolldown }} from 'rolldown'
      const found = new Set()
      const external = (id) => /^[^./]/.test(id) && found.add(id) !== null
      const bundle = await rolldown({{ input: './node_modules/durably/dist/{name}', external }})
      await bundle.generate()
      console.log(JSON.stringify([...found]))
    """
    return set(json.loads(node(consumer, program)))


def node(consumer: Consumer, program: str) -> str:
    command = ["node", "--input-type=module", "--eval", program]
    return subprocess.run(command, cwd=consumer.folder, check=True, capture_output=True, text=True).stdout


def test_tarball_has_built_files_and_nothing_else(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    built = {name for name in names if re.fullmatch(r"dist/[\w-]+(\.d\.ts|\.js)", name)}
    others = {"dist/dashboard.css", "dist/dashboard.licenses.md", "package.json", "README.md", "LICENSE"}
    assert names - built == others
    assert {"dist/worker.js", "dist/index.d.ts", "dist/react.d.ts", "dist/vite.d.ts"} <= built


def test_every_export_is_there(consumer: Consumer) -> None:
    targets = re.findall(r'"(\./[^"]+\.(?:js|ts|json))"', json.dumps(consumer.manifest["exports"]))
    assert len(targets) >= 7
    assert [target for target in targets if not (consumer.package / target).is_file()] == []


def test_both_packages_have_one_version(consumer: Consumer) -> None:
    assert consumer.manifest["version"] == VERSION


@pytest.mark.parametrize(
    ("file", "allowed"),
    [
        ("index.js", {"eventsource-parser", "idb"}),
        ("react.js", {"react", "react/jsx-runtime"}),
        # React and the hooks are the application's; all else is in it.
        ("dashboard.js", {"durably", "durably/react", "react", "react-dom", "react/jsx-runtime"}),
        ("worker.js", set()),
    ],
)
def test_entry_imports_no_more_than_it_needs(consumer: Consumer, file: str, allowed: set[str]) -> None:
    assert imports(consumer, file) <= allowed


def test_plugin_imports_node_and_its_dependencies(consumer: Consumer) -> None:
    foreign = {name for name in imports(consumer, "vite.js") if not name.startswith("node:")}
    assert foreign <= consumer.manifest["dependencies"].keys()


def test_hooks_are_marked_as_the_clients(consumer: Consumer) -> None:
    for name in ("react.js", "dashboard.js"):
        assert re.match(r"""["']use client["']""", consumer.read(name))
    assert "use client" not in consumer.read("index.js") + consumer.read("vite.js")


def test_worker_is_named_as_bundlers_understand_it(consumer: Consumer) -> None:
    [options] = re.findall(
        r'new Worker\(new URL\("\./worker\.js", import\.meta\.url\), \{([^}]*)\}', consumer.read("index.js")
    )
    assert 'type: "module"' in options


def test_bundlers_leave_python_alone(consumer: Consumer) -> None:
    dynamic = re.findall(r"\bimport\((.*?)new URL", consumer.read("worker.js"), re.DOTALL)
    assert dynamic
    assert all("@vite-ignore" in each and "webpackIgnore: true" in each for each in dynamic)


@pytest.mark.parametrize("entry", ["durably", "durably/react", "durably/dashboard", "durably/vite"])
def test_entry_can_be_imported_on_a_server(consumer: Consumer, entry: str) -> None:
    assert node(consumer, f"console.log(Object.keys(await import('{entry}')).length > 0)") == "true\n"


def test_what_is_not_used_is_not_bundled(consumer: Consumer) -> None:
    entry = consumer.write("unused.js", "import 'durably'\nimport 'durably/react'\n")
    program = f"""
      import {{ rolldown }} from 'rolldown'
      const bundle = await rolldown({{ input: '{entry}', external: ['react', 'react/jsx-runtime'] }})
      const {{ output }} = await bundle.generate()
      console.log(output[0].code.replace(/^import .*$/gm, '').replace(/^\\/\\/.*$/gm, '').trim())
    """
    assert node(consumer, program).strip() == ""


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_types_work_with_the_registered_jobs(consumer: Consumer, resolution: str) -> None:
    files = [
        consumer.write("src/jobs.gen.ts", REGISTERED),
        consumer.write("src/uses.ts", USES),
        consumer.write("vite.config.ts", VITE_CONFIG),
    ]
    module = "esnext" if resolution == "bundler" else resolution
    options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2023", "--types", "node"]
    done = subprocess.run(
        [NODE_MODULES / ".bin/tsc", *options, "--module", module, "--moduleResolution", resolution, *files],
        cwd=consumer.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_options_of_the_plugin_are_documented(consumer: Consumer) -> None:
    declared = "".join(
        re.findall(
            r"interface (?:DurablyPlugin|Host)Options[^{]*{(.*?)\n}", consumer.read("vite.d.ts"), re.DOTALL
        )
    )
    documented = (ROOT / "docs" / "vite.md").read_text("utf-8")
    options = re.findall(r"^  (\w+)\??:", declared, re.MULTILINE)
    assert len(options) >= 6
    assert [option for option in options if f"| `{option}` |" not in documented] == []


def test_options_of_the_engine_are_those_of_python(consumer: Consumer) -> None:
    declared = consumer.read("vite.d.ts").split("interface EngineOptions {")[1].split("\n}")[0]
    assert set(re.findall(r"^  (\w+)\?:", declared, re.MULTILINE)) == OPTION_NAMES


def test_dashboard_asks_for_no_module_as_node_does(consumer: Consumer) -> None:
    files = [path.name for path in (consumer.package / "dist").glob("dashboard*.js")]
    assert len(files) > 3
    assert [name for name in files if re.search(r"\b(__require|require)\(", consumer.read(name))] == []


def test_licences_of_what_is_in_the_dashboard_come_with_it(consumer: Consumer) -> None:
    licences = consumer.read("dashboard.licenses.md")
    names = ("wouter", "@tanstack/react-virtual", "@rjsf/core", "@observablehq/plot", "react-json-view-lite")
    assert [name for name in names if name not in licences] == []
