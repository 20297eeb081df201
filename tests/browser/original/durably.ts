import { createDurably, type DurablyClient, type JobHooks } from '@coji/durably-react'

type Count = JobHooks<{ to: number; pause_ms: number }, { total: number }>
type Fail = JobHooks<{ reason: string }, Record<string, never>>

/** The client sends the name of a property as the job's name: it must be one that the server knows. */
interface Jobs {
  'count-to': Count
  /** The same job under the name that it is registered with. */
  count_to: Count
  fail: Fail
}

// Its types would be inferred from a server in TypeScript.
export const durably = createDurably<object>({ api: '/api/durably' }) as DurablyClient<object> & Jobs
