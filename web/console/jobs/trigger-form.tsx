import type { JobInfo } from 'durably'
import { useDurably } from 'durably/react'
import { useId, useState, type ReactNode } from 'react'
import { printJson } from '../format'
import { sentenceOf } from '../sentence-of'
import { useSelection } from '../selection'
import { defaultInput } from '../../dashboard/trigger/default-input'

const MOST_ROWS = 16

/** A run of a job, with an input as JSON. */
export function TriggerForm({ job }: { job: JobInfo }): ReactNode {
  const { durably } = useDurably()
  const { select } = useSelection()
  const [draft, setDraft] = useState<string | null>(null)
  const [refusal, setRefusal] = useState<string | null>(null)
  const [isBusy, setIsBusy] = useState(false)
  const id = useId()
  const text = draft ?? printJson(defaultInput(job.inputSchema))

  const trigger = async (): Promise<void> => {
    if (isBusy) return
    setRefusal(null)
    setIsBusy(true)
    try {
      const { runId } = await durably.trigger(job.name, parsed(text))
      select(runId)
    } catch (error) {
      setRefusal(sentenceOf(error))
    } finally {
      setIsBusy(false)
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void trigger()
      }}
    >
      {job.description !== null && <p>{job.description}</p>}
      <label htmlFor={id}>Input of {job.name}, as JSON</label>
      <textarea
        id={id}
        value={text}
        rows={Math.min(MOST_ROWS, Math.max(4, text.split('\n').length))}
        spellCheck={false}
        autoCapitalize="off"
        aria-invalid={refusal !== null}
        aria-describedby={`${id}-refusal`}
        onChange={({ target }) => setDraft(target.value)}
      />
      <div className="buttons">
        <button type="submit" className="primary" aria-disabled={isBusy}>
          Trigger
        </button>
        {draft !== null && (
          <button type="button" onClick={() => setDraft(null)}>
            Defaults
          </button>
        )}
      </div>
      <div id={`${id}-refusal`} role="alert">
        {refusal !== null && <p>{refusal}</p>}
      </div>
      <details>
        <summary>Schema of the input</summary>
        <pre tabIndex={0}>{printJson(job.inputSchema)}</pre>
      </details>
    </form>
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`The input is not JSON: ${(error as Error).message}.`, { cause: error })
  }
}
