import { useState } from 'react'
import { durably } from '../durably'

export function Waiting() {
  const count = durably['count-to'].useJob()
  const fail = durably.fail.useJob()
  const [said, setSaid] = useState('')

  const wait = async (work: () => Promise<unknown>) => {
    try {
      setSaid(`It gave ${JSON.stringify(await work())}.`)
    } catch (error) {
      setSaid((error as Error).message)
    }
  }

  return (
    <section>
      <button
        onClick={() => void wait(async () => (await count.triggerAndWait({ to: 3, pause_ms: 50 })).output)}
      >
        Count
      </button>
      <button onClick={() => void wait(() => count.triggerAndWait({ to: 10_000, pause_ms: 50 }))}>
        Count for long
      </button>
      <button onClick={() => void wait(() => fail.triggerAndWait({ reason: 'no more paper' }))}>Fail</button>
      <p role="status">{count.status ?? 'none'}</p>
      <p aria-label="Answer">{said}</p>
    </section>
  )
}
