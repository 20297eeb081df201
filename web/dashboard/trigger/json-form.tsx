import type { JobInfo } from 'durably'
import { useId, useState, type ReactNode, type SyntheticEvent } from 'react'
import { Icon } from '../parts/icons'
import { WORDS } from '../words'
import { defaultInput } from './default-input'
import type { Trigger } from './use-trigger'

const SAID = WORDS.trigger

interface JsonFormProps {
  job: JobInfo
  trigger: Trigger
  options: ReactNode
}

/** The input as text, for those who have it as JSON already. */
export function JsonForm({ job, trigger, options }: JsonFormProps): ReactNode {
  const id = useId()
  const [text, setText] = useState(() => printed(begunWith(job, trigger.draft)))
  const [fault, setFault] = useState<string | null>(null)
  const { issues } = trigger.outcome
  const parsed = (): unknown => {
    try {
      setFault(null)
      return JSON.parse(text) as unknown
    } catch (error) {
      setFault(SAID.notJson(error instanceof Error ? error.message : String(error)))
      return undefined
    }
  }
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const input = parsed()
    if (input !== undefined) void trigger.start(input)
  }
  return (
    <form className="job-form" onSubmit={submit}>
      <div className="field">
        <label className="label" htmlFor={id}>
          {SAID.asJson(job.name)}
        </label>
        <textarea
          id={id}
          className="input json-input"
          rows={Math.min(24, Math.max(8, text.split('\n').length + 1))}
          spellCheck={false}
          value={text}
          aria-invalid={fault !== null || issues.length > 0}
          aria-describedby={`${id}-faults`}
          onChange={({ target }) => {
            setText(target.value)
            setFault(null)
          }}
          onBlur={() => {
            const input = parsed()
            if (isDraft(input)) trigger.change(input, undefined)
          }}
        />
        <div className="errors" id={`${id}-faults`} role="alert">
          {fault !== null && <p>{fault}</p>}
          {issues.map(({ path, message }, index) => (
            <p key={index}>
              {path.length > 0 && <code>{path.join('.')}: </code>}
              {message}
            </p>
          ))}
        </div>
      </div>
      <details className="schema">
        <summary>{SAID.schema}</summary>
        <pre tabIndex={0}>{printed(job.inputSchema)}</pre>
      </details>
      {options}
      <button type="submit" className="button button-primary" aria-disabled={trigger.isBusy}>
        <Icon name="play" />
        {trigger.isBusy ? SAID.starting : SAID.start(job.name)}
      </button>
    </form>
  )
}

function printed(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

function isDraft(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What is filled in already, over what the schema has as defaults or demands. */
function begunWith(job: JobInfo, draft: Record<string, unknown>): unknown {
  const input = defaultInput(job.inputSchema)
  const filled = Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined))
  return isDraft(input) ? { ...input, ...filled } : input
}
