import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { findPython } from './python'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'durably-python-'))
  vi.stubEnv('VIRTUAL_ENV', undefined)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

function makeEnvironment(path: string): string {
  const bin = join(path, process.platform === 'win32' ? 'Scripts' : 'bin')
  const python = join(bin, process.platform === 'win32' ? 'python.exe' : 'python')
  mkdirSync(bin, { recursive: true })
  writeFileSync(python, '')
  return python
}

it('takes the nearest environment above the jobs', () => {
  const python = makeEnvironment(join(folder, '.venv'))
  mkdirSync(join(folder, 'app/jobs'), { recursive: true })
  expect(findPython(join(folder, 'app/jobs'))).toBe(python)
})

it('takes the active environment before all others', () => {
  makeEnvironment(join(folder, '.venv'))
  const active = join(folder, 'active')
  vi.stubEnv('VIRTUAL_ENV', active)
  expect(findPython(folder).startsWith(active)).toBe(true)
})

it("takes the system's Python where there is no environment", () => {
  expect(findPython(folder)).toMatch(/^python3?$/)
})
