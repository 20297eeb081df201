import { useJob } from 'durably/react'
import { useRef, useState } from 'react'

export function CountUntilBored() {
  const { triggerAndWait, status } = useJob('count-to')
  const waiting = useRef<AbortController | null>(null)
  const [said, setSaid] = useState('')

  const start = async () => {
    waiting.current = new AbortController()
    try {
      const { output } = await triggerAndWait({ to: 5 }, { signal: waiting.current.signal })
      setSaid(`Total: ${output.total}`)
    } catch (error) {
      setSaid((error as Error).message)
    }
  }

  return (
    <section>
      <button onClick={() => void start()}>Count</button>
      {/* Ends the waiting. The run itself goes on: `cancel` ends that. */}
      <button onClick={() => waiting.current?.abort(new Error('I have seen enough.'))}>Stop waiting</button>
      <p>{said}</p>
      <output>{status}</output>
    </section>
  )
}
