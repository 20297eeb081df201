import { useJob } from 'durably/react'
import { useState } from 'react'

export function NothingToSay() {
  const zero = useJob('zero')
  const nothing = useJob('nothing')
  const [said, setSaid] = useState('')

  const start = async () => {
    const first = await zero.triggerAndWait({})
    const second = await nothing.triggerAndWait({})
    setSaid(JSON.stringify([first.output, second.output]))
  }

  return (
    <section>
      <button onClick={() => void start()}>Run both</button>
      <p role="status">{said}</p>
      <output>{JSON.stringify([zero.isCompleted, zero.output, nothing.isCompleted, nothing.output])}</output>
    </section>
  )
}
