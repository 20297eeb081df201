import { useEffect, useState } from 'react'
import { useDurably } from '../../src/react'

/** The engine's last error outside of job code, until something is finished again. */
export function useEngineProblem(): string | null {
  const durably = useDurably()
  const [problem, setProblem] = useState<string | null>(null)
  useEffect(
    () =>
      durably.subscribe((events) => {
        for (const event of events) {
          if (event.type === 'worker:error') setProblem(event.error)
          if (event.type === 'step:complete' || event.type === 'run:complete') setProblem(null)
        }
      }),
    [durably],
  )
  return problem
}
