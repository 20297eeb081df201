import { expect, test } from 'vitest'
import { DurablyError } from './errors'
import { JobNames } from './job-names'
import type { JobInfo } from './protocol'

function setup(jobs: Record<string, string[]>) {
  const engine = { jobs, error: null as Error | null, asked: 0 }
  const names = new JobNames(() => {
    engine.asked += 1
    if (engine.error !== null) return Promise.reject(engine.error)
    return Promise.resolve(Object.entries(engine.jobs).map(([name, keys]) => ({ name, keys }) as JobInfo))
  })
  return { engine, names }
}

test('a job goes by its name and by each of its keys, and is asked for once', async () => {
  const { engine, names } = setup({ 'import-csv': ['import_csv', 'load'] })
  const resolved = await Promise.all(['import-csv', 'import_csv', 'load'].map((name) => names.resolve(name)))
  expect([resolved, engine.asked]).toEqual([['import-csv', 'import-csv', 'import-csv'], 1])
})

test('the name of one job goes before the key of another', async () => {
  const { names } = setup({ first: ['second'], second: ['first'] })
  expect([await names.resolve('first'), await names.resolve('second')]).toEqual(['first', 'second'])
})

test('a job that is new is known the next time', async () => {
  const { engine, names } = setup({})
  expect(await names.resolve('late_key')).toBe('late_key')
  engine.jobs = { late: ['late_key'] }
  expect(await names.resolve('late_key')).toBe('late')
})

test('an engine that does not tell its jobs is asked once, one that fails again', async () => {
  const { engine, names } = setup({ work: ['key'] })
  engine.error = new Error('not now')
  await expect(names.resolve('key')).rejects.toThrow('not now')
  engine.error = null
  expect(await names.resolve('key')).toBe('work')
  const plain = setup({})
  plain.engine.error = new DurablyError({ code: 'not_found', status: 404, message: 'Not found.' })
  await plain.names.resolve('a')
  await plain.names.resolve('b')
  expect(plain.engine.asked).toBe(1)
})
