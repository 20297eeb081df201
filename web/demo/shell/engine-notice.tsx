import type { ReactNode } from 'react'
import type { EngineStatus } from '../../src'
import { useEngineProblem } from '../lib/use-engine-problem'

/** Why nothing can be done at the moment, in full width. */
export function EngineNotice({ status }: { status: EngineStatus }): ReactNode {
  const problem = useEngineProblem()
  if (status.state === 'waiting') {
    return (
      <section className="notice" role="status">
        <div>
          <h2>Durably is open in another tab.</h2>
          <p>
            Only one tab at a time can work on this browser’s database. This tab takes over by itself as soon
            as the other one is closed.
          </p>
        </div>
      </section>
    )
  }
  if (status.state === 'failed' || status.state === 'closed') {
    return (
      <section className="notice notice-bad" role="alert">
        <div>
          <h2>{status.state === 'failed' ? 'The engine could not go on.' : 'The engine is closed.'}</h2>
          <p>{status.error?.message ?? 'Reload the page to start it again.'}</p>
        </div>
        <button type="button" className="button button-primary" onClick={() => window.location.reload()}>
          Reload
        </button>
      </section>
    )
  }
  if (problem !== null) {
    return (
      <section className="notice notice-bad" role="alert">
        <div>
          <h2>The engine has a problem and keeps trying.</h2>
          <p>{problem} What is finished is kept.</p>
        </div>
      </section>
    )
  }
  return null
}
