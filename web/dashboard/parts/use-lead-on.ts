import { useLocation } from 'wouter'
import { addressOf } from '../addresses'
import { useExtras } from '../extras'

/**
 * Goes to where work has led, and gives what came of it. Nobody who went elsewhere meanwhile is taken away from there.
 */
export function useLeadOn(): <Result>(
  work: Promise<Result>,
  to: (result: Result) => string,
) => Promise<Result> {
  const [, navigate] = useLocation()
  const { placeNow } = useExtras()
  return async (work, to) => {
    const from = addressOf(placeNow.current)
    const result = await work
    if (addressOf(placeNow.current) === from) navigate(to(result))
    return result
  }
}
