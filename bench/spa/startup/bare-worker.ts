// Pyodide as it comes, and pydantic in it as `loadPackage` gets it: what a page without us would start with.
interface Pyodide {
  loadPackage(urls: string[]): Promise<void>
  runPython(code: string): void
}

self.onmessage = async ({ data: folder }: MessageEvent<string>) => {
  const { loadPyodide } = (await import(/* @vite-ignore */ `${folder}pyodide.mjs`)) as {
    loadPyodide: (options: { indexURL: string }) => Promise<Pyodide>
  }
  const pyodide = await loadPyodide({ indexURL: folder })
  self.postMessage('ready')
  const names = (await (await fetch(`${folder}wheels.json`)).json()) as string[]
  await pyodide.loadPackage(names.map((name) => `${folder}${name}`))
  pyodide.runPython(`
import pydantic
class Model(pydantic.BaseModel):
    number: int
Model.model_validate({"number": "1"})
`)
  self.postMessage('pydantic')
}
