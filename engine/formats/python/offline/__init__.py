"""What takes the place of downloads while the user's code is imported and builds its network.

Constructors often download published weights first (`weights="DEFAULT"`, `pretrained=True`,
`torch.hub.load_state_dict_from_url`), which fails without a connection and is of no use here: every
weight comes from the user's weights file afterwards, which is loaded strictly. So each fetch
returns an empty state that no layer takes anything from, and is noted. Building the network belongs
in candidates and fitting.
"""
