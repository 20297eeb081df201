// Pyodide as the npm package has it, with its standard library compiled: `node compile_pyodide.mjs PACKAGE FOLDER`.
// As sources, the library is compiled anew at each start, which is most of the time that Python takes to start.

import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const LIBRARY = 'python_stdlib.zip'
const AS_THEY_ARE = ['package.json', 'pyodide.mjs', 'pyodide.asm.mjs', 'pyodide.asm.wasm', 'pyodide-lock.json']

// Python takes `name.pyc` in the place of `name.py`. It has the hash of the source, which Python does not compare, and
// no time: the same bytes come out each time.
const COMPILE = `
import zipfile
from importlib.util import source_hash
from importlib._bootstrap_external import _code_to_hash_pyc

def compiled(name, source):
    code = compile(source, f"/lib/python314.zip/{name}", "exec", dont_inherit=True)
    return bytes(_code_to_hash_pyc(code, source_hash(source), False))

with zipfile.ZipFile("/sources.zip") as sources, zipfile.ZipFile("/compiled.zip", "w") as target:
    for name in sources.namelist():
        if name.endswith("/"):
            continue
        content = sources.read(name)
        if name.endswith(".py"):
            name, content = f"{name}c", compiled(name, content)
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        target.writestr(entry, content, compresslevel=9)
`

const [source, target] = process.argv.slice(2).map((folder) => resolve(folder))
const { loadPyodide } = await import(pathToFileURL(`${source}/pyodide.mjs`).href)
const python = await loadPyodide()
python.FS.writeFile('/sources.zip', await readFile(`${source}/${LIBRARY}`))
python.runPython(COMPILE)

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
for (const name of AS_THEY_ARE) await cp(`${source}/${name}`, `${target}/${name}`)
await writeFile(`${target}/${LIBRARY}`, python.FS.readFile('/compiled.zip'))
