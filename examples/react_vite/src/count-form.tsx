import { useState, type SubmitEvent } from 'react'

interface CountFormProps {
  isBusy: boolean
  start: (text: string) => Promise<unknown>
}

export function CountForm({ isBusy, start }: CountFormProps) {
  const [text, setText] = useState(SAMPLE)
  const [refusal, setRefusal] = useState<string | null>(null)

  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    setRefusal(null)
    start(text).catch((error: unknown) => setRefusal(error instanceof Error ? error.message : String(error)))
  }

  return (
    <form className="card" onSubmit={submit}>
      <label htmlFor="text">Text</label>
      <textarea id="text" rows={8} value={text} onChange={(event) => setText(event.target.value)} />
      {refusal !== null && <p role="alert">{refusal}</p>}
      <button type="submit" disabled={isBusy}>
        {isBusy ? 'Counting …' : 'Count words'}
      </button>
    </form>
  )
}

const VERSE =
  `It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the
season of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had
nothing before us, we were all going direct to Heaven, we were all going direct the other way.`.replaceAll(
    '\n',
    ' ',
  )

const SAMPLE = Array.from({ length: 8 }, () => VERSE).join('\n\n')
