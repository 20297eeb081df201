import { useEffect, useState } from 'react'
import type { EngineStatus } from 'durably'
import { useDurably } from 'durably/react'

export interface EngineProblem {
  code: string
  message: string
}

/** Why the engine begins no run, or its last error outside of job code until something is finished again. */
export function useEngineProblem({ pause }: Pick<EngineStatus, 'pause'>): EngineProblem | null {
  const { durably } = useDurably()
  const [problem, setProblem] = useState<EngineProblem | null>(null)
  useEffect(
    () =>
      durably.subscribe((events) => {
        for (const event of events) {
          if (event.type === 'worker:error') setProblem({ code: event.code, message: event.error })
          if (ENDS.has(event.type)) setProblem(null)
        }
      }),
    [durably],
  )
  // A pause tells of its error repeatedly: it is one problem.
  return pause ?? problem
}

const ENDS: ReadonlySet<string> = new Set(['step:complete', 'run:complete', 'worker:resume'])
