import { Suspense, type ReactNode } from 'react'
import type { Durably } from '../client'
import { DurablyContext } from './context'
import { readPromise } from './read-promise'

export interface DurablyProviderProps {
  /** A client, or the promise of one: the same promise in each render. Jobs of any types. */
  durably: AnyClient | Promise<AnyClient>
  /** Shown as long as the promise is pending. Without it the nearest `Suspense` above shows its own. */
  fallback?: ReactNode
  children?: ReactNode
}

/** Whose jobs have what types matters to `useJob`, not to the provider. */
type AnyClient = Pick<Durably, Exclude<keyof Durably, 'jobs'>> & { readonly jobs: object }

/** Gives the hooks below it their client. Closing the client is left to who made it. */
export function DurablyProvider({ durably, fallback, children }: DurablyProviderProps): ReactNode {
  const provided = <Provided durably={durably}>{children}</Provided>
  return fallback === undefined ? provided : <Suspense fallback={fallback}>{provided}</Suspense>
}

function Provided({ durably, children }: Omit<DurablyProviderProps, 'fallback'>): ReactNode {
  const client = durably instanceof Promise ? readPromise(durably) : durably
  return <DurablyContext.Provider value={client as Durably}>{children}</DurablyContext.Provider>
}
