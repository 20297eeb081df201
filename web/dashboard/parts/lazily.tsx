import { useEngineStatus } from 'durably/react'
import {
  lazy,
  Suspense,
  useCallback,
  useEffect,
  useRef,
  useState,
  type ComponentType,
  type ReactNode,
} from 'react'
import type { Failing } from '../words'
import { Boundary } from './boundary'
import { LoadFailure } from './load-failure'
import { ShowFailure } from './show-failure'
import { Skeleton } from './skeleton'

/**
 * A component whose code is loaded when it is first shown. Where it could not be, the rest of the page stays, and it
 * is tried again. `waiting` stands in its place meanwhile.
 */
export function lazily<Props extends object>(
  what: Failing,
  load: () => Promise<ComponentType<Props>>,
  waiting: ReactNode = <Skeleton rows={3} />,
): ComponentType<Props> {
  let Loaded = remade()
  /** What tries it again, for each place where it is missing: once it is there for one, it is for all. */
  const missing = new Set<() => void>()
  function remade(): ComponentType<Props> {
    return lazy<ComponentType<Props>>(async () => {
      try {
        return { default: await load() }
      } catch (error) {
        // React remembers what was refused: the next one to be shown asks again.
        Loaded = remade()
        throw error
      }
    }) as ComponentType<Props>
  }
  return function Lazily(props: Props): ReactNode {
    const [attempt, setAttempt] = useState(1)
    const retry = useCallback(() => setAttempt((before) => before + 1), [])
    return (
      <Boundary key={attempt} fallback={<Failure what={what} missing={missing} onRetry={retry} />}>
        <Suspense fallback={waiting}>
          <Loaded {...props} />
        </Suspense>
      </Boundary>
    )
  }
}

interface FailureProps {
  what: Failing
  missing: Set<() => void>
  /** Of this place alone. */
  onRetry: () => void
}

/** Tried again by itself where a server was away and is back. */
function Failure({ what, missing, onRetry }: FailureProps): ReactNode {
  const isAway = useEngineStatus().state === 'offline'
  const wasAway = useRef(isAway)
  useEffect(() => {
    missing.add(onRetry)
    return () => {
      missing.delete(onRetry)
    }
  }, [missing, onRetry])
  useEffect(() => {
    if (wasAway.current && !isAway) onRetry()
    wasAway.current = isAway
  }, [isAway, onRetry])
  const retryAll = (): void => {
    for (const retry of [...missing]) retry()
  }
  return isAway ? (
    <div role="alert">
      <LoadFailure what={what} error="" />
    </div>
  ) : (
    <ShowFailure what={what} onRetry={retryAll} />
  )
}
