// Compiles what the engine imports when it starts: `node compile_engine.mjs PYODIDE SOURCES TARGET`.

import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

// What is kept in snapshots is what each start imports: this module imports it all.
const START = 'import spa_runtime.snapshot'

// Each file is named by the hash of its source, so that it is used for that alone: Python does not compare the hash that
// is in it. It has no time: the same bytes come out each time.
const COMPILE = `
import hashlib
import json
import sys
import zipfile
from importlib._bootstrap_external import _code_to_hash_pyc
from importlib.util import source_hash

LIBRARY = "/lib/python314.zip/"

def compiled(file):
    with open(file, "rb") as opened:
        source = opened.read()
    code = compile(source, file, "exec", dont_inherit=True)
    pyc = bytes(_code_to_hash_pyc(code, source_hash(source), False))
    return f"{hashlib.sha256(source).hexdigest()}.pyc", pyc

files = [str(getattr(module, "__file__", None)) for module in sys.modules.values()]
found = dict(compiled(file) for file in sorted(files) if file.startswith("/app/") and file.endswith(".py"))
# Which parts of the standard library a start needs.
library = {file.removeprefix(LIBRARY).partition("/")[0] for file in files if file.startswith(LIBRARY)}
found["library.json"] = json.dumps(sorted(name.removesuffix(".pyc") for name in library)).encode()
with zipfile.ZipFile("/compiled.zip", "w") as target:
    for name in sorted(found):
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        target.writestr(entry, found[name], compresslevel=9)
`

const [folder, sources, target] = process.argv.slice(2).map((path) => resolve(path))
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`).href)
const python = await loadPyodide({ env: { PYTHONPATH: '/app', PYDANTIC_DISABLE_PLUGINS: '__all__' } })
python.unpackArchive(new Uint8Array(await readFile(sources)), 'zip', { extractDir: '/app' })
python.runPython('import importlib; importlib.invalidate_caches()')
python.runPython(START)
python.runPython(COMPILE)
await writeFile(target, python.FS.readFile('/compiled.zip'))
