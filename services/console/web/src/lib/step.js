// The task of a person for a session that does not come back by itself, as common/domain/next_step.c decides it:
// 'scan', 'confirm', 'link_again', 'pair_when_accepted', 'create_again', 'update_bridge', 'unpark', or '' for nothing.
export function step(s) {
  const bridgeWide = s.cause === 'client-outdated';
  if (!bridgeWide && s.state === 'qr_pending') return 'scan';
  if (s.state === 'action_required') return 'confirm';
  if (!bridgeWide && s.state === 'logged_out') return 'link_again';
  if (!bridgeWide && s.state === 'failed') return 'pair_when_accepted';
  if (!bridgeWide && s.state === 'lost') return 'create_again';
  if (bridgeWide && s.state !== 'connected') return 'update_bridge';
  return s.parked ? 'unpark' : '';
}
