import { complete, reached } from './found.ts'

const worker = new Worker(new URL('./bare-worker.ts', import.meta.url), { type: 'module' })
worker.onmessage = ({ data }: MessageEvent<string>) => {
  reached(data)
  if (data === 'pydantic') complete()
}
worker.postMessage(new URL(`${new URLSearchParams(location.search).get('pyodide')}/`, location.href).href)
