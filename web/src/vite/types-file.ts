import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Description } from '../types/description'
import { PythonError } from './errors'

/** Brings the file up to date. One that is already is left alone: whoever watches it has nothing to do. */
export async function writeTypes(path: string, description: Description): Promise<void> {
  // Only where types are wanted: it takes its time to load.
  const { generateTypes, HEADER } = await import('../types/generate')
  const types = await generateTypes(description)
  const written = await readFile(path, 'utf8').catch(() => null)
  if (written === types) return
  if (written !== null && !written.startsWith(HEADER)) {
    throw new PythonError(`${path} was not written by durably: name another file for the types.`)
  }
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, types)
}
