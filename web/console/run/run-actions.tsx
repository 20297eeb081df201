import type { ClientRun } from 'durably'
import { useRunActions } from 'durably/react'
import { useState, type ReactNode } from 'react'
import { sentenceOf } from '../sentence-of'
import { useSelection } from '../selection'

/** What can be done with a run, and why it could not be done. */
export function RunActions({ run }: { run: ClientRun }): ReactNode {
  const { cancel, retrigger, deleteRun } = useRunActions()
  const { select } = useSelection()
  const [isBusy, setIsBusy] = useState(false)
  const [isAsking, setIsAsking] = useState(false)
  const [refusal, setRefusal] = useState<string | null>(null)

  const perform = async (work: () => Promise<void>): Promise<void> => {
    if (isBusy) return
    setIsBusy(true)
    setRefusal(null)
    try {
      await work()
    } catch (error) {
      setRefusal(sentenceOf(error))
    } finally {
      setIsBusy(false)
      setIsAsking(false)
    }
  }
  const remove = async (): Promise<void> => {
    await deleteRun(run.id)
    select(null)
  }

  return (
    <>
      <div className="buttons" role="group" aria-label="What to do with the run">
        {run.isActive && (
          <button type="button" aria-disabled={isBusy} onClick={() => void perform(() => cancel(run.id))}>
            Cancel
          </button>
        )}
        {run.isTerminal && (
          <>
            <button
              type="button"
              aria-disabled={isBusy}
              onClick={() => void perform(async () => select(await retrigger(run.id)))}
            >
              Retrigger
            </button>
            <button
              type="button"
              className="bad"
              aria-disabled={isBusy}
              onBlur={() => setIsAsking(false)}
              onClick={() => (isAsking ? void perform(remove) : setIsAsking(true))}
            >
              {isAsking ? 'Delete for good?' : 'Delete'}
            </button>
          </>
        )}
      </div>
      <div role="alert">{refusal !== null && <p>{refusal}</p>}</div>
    </>
  )
}
