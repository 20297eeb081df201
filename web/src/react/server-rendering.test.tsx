import type { ComponentType, ReactNode } from 'react'
import { describe, expect, test } from 'vitest'
import { createDurably } from '..'
import {
  DurablyProvider,
  useEngineStatus,
  useInfiniteRuns,
  useJob,
  useJobLogs,
  useJobRun,
  useJobs,
  useRunActions,
  useRuns,
  useStats,
} from '.'

// React 18 is rendered in tests/browser/test_hooks.py: here its two packages can't be told apart.

function Everything(): ReactNode {
  const job = useJob('import-csv', { initialRunId: 'a' })
  const run = useJobRun({ runId: 'a', onStart: () => undefined })
  const { logs } = useJobLogs({ runId: 'a' })
  const { runs, isLoading } = useRuns()
  const all = useInfiniteRuns()
  const { stats } = useStats()
  const { jobs } = useJobs()
  const { state } = useEngineStatus()
  useRunActions()
  const page = [job.currentRunId, run.isLoading, logs.length, runs.length, isLoading, jobs.length, state]
  return <p>{[...page, all.runs.length, all.hasMore, all.isLoading, stats].map(String).join(' ')}</p>
}

async function rendered(Component: ComponentType): Promise<string> {
  const { renderToString } = await import('react-dom/server')
  return renderToString(<Component />)
}

describe('on a server', () => {
  test.each([
    ['spa', () => createDurably({ spa: {} })],
    ['http', () => createDurably({ api: '/api/durably' })],
  ])('hooks show what is not known yet: %s', async (_name, connect) => {
    const durably = connect()
    const html = await rendered(() => (
      <DurablyProvider durably={durably}>
        <Everything />
      </DurablyProvider>
    ))
    expect(html).toBe('<p>a true 0 0 true 0 starting 0 false true null</p>')
    durably.close()
  })

  test('a provider whose promise is pending shows its fallback', async () => {
    const never = new Promise<never>(() => undefined)
    const html = await rendered(() => (
      <DurablyProvider durably={never} fallback={<i>wait</i>}>
        <Everything />
      </DurablyProvider>
    ))
    expect(html).toContain('<i>wait</i>')
  })

  test('a hook without a provider says what is missing', async () => {
    await expect(rendered(Everything)).rejects.toThrow('Hooks of Durably need a <DurablyProvider>')
  })

  test('an engine that is not there answers no one', async () => {
    await expect(createDurably({ spa: {} }).getJobs()).rejects.toMatchObject({ code: 'unsupported' })
  })
})
