import { useEngineStatus } from 'durably/react'
import {
  lazy,
  Suspense,
  useEffect,
  useRef,
  useState,
  type ComponentType,
  type LazyExoticComponent,
  type ReactNode,
} from 'react'
import { Boundary } from '../parts/boundary'
import { ShowFailure } from '../parts/show-failure'
import { Skeleton } from '../parts/skeleton'
import { WORDS } from '../words'
import type { SchemaFormProps } from './schema-form'

const SAID = WORDS.failure
// The form library is large, and no form can be shown before the engine is ready.
let SchemaForm: LazyExoticComponent<ComponentType<SchemaFormProps>> = lazily()

/** The form, once its code is there. Where that could not be loaded, it is tried again. */
export function LazyForm(props: SchemaFormProps): ReactNode {
  const [attempt, setAttempt] = useState(1)
  return (
    <Boundary key={attempt} fallback={<FormFailure onRetry={() => setAttempt(attempt + 1)} />}>
      <Suspense fallback={<Skeleton rows={3} />}>
        <SchemaForm {...props} />
      </Suspense>
    </Boundary>
  )
}

/** By itself where a server was away and is back. */
function FormFailure({ onRetry }: { onRetry: () => void }): ReactNode {
  const isAway = useEngineStatus().state === 'offline'
  const wasAway = useRef(isAway)
  useEffect(() => {
    if (wasAway.current && !isAway) onRetry()
    wasAway.current = isAway
  })
  return isAway ? (
    <p className="hint" role="alert">
      {SAID.notLoaded(SAID.what.form, SAID.serverAway)}
    </p>
  ) : (
    <ShowFailure what="form" onRetry={onRetry} />
  )
}

function lazily(): typeof SchemaForm {
  return lazy(async () => {
    try {
      return { default: (await import('./schema-form')).SchemaForm }
    } catch (error) {
      // React remembers what was refused: the next one to be shown asks again.
      SchemaForm = lazily()
      throw error
    }
  })
}
