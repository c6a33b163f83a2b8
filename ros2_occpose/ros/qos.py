"""Quality of service: what users may override, and why nothing comes from those who publish."""
from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

# What a publisher may offer that is too little for a subscription that asks for more.
LITTLE = {'durability': DurabilityPolicy.VOLATILE, 'reliability': ReliabilityPolicy.BEST_EFFORT}


def overridable() -> QoSOverridingOptions:
    """Parameters `qos_overrides.<topic>.<publisher or subscription>.<policy>`.

    Durability too: a bag or a driver may have sent CameraInfo once, latched.
    """
    return QoSOverridingOptions(
        (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
         QoSPolicyKind.DURABILITY))


def misfits(node: Node, subscription: Subscription) -> list[str]:
    """Why nothing can come from each publisher of this topic that does not fit; empty: all fit."""
    message_type = subscription.msg_type
    wanted = f'{message_type.__module__.partition(".")[0]}/msg/{message_type.__name__}'
    topic, found = subscription.topic_name, []
    for publisher in node.get_publishers_info_by_topic(topic):
        who = f'{publisher.node_namespace.rstrip("/")}/{publisher.node_name}'
        if publisher.topic_type != wanted:
            found.append(f'{who} publishes {publisher.topic_type} there instead of {wanted}: '
                         'compare the parameter image_transport with the topic')
            continue
        offered, asked = publisher.qos_profile, subscription.qos_profile
        for policy, little in LITTLE.items():
            if getattr(offered, policy) == little != getattr(asked, policy):
                found.append(
                    f'{who} offers {little.name} {policy} where {getattr(asked, policy).name} is '
                    f'asked for: set qos_overrides.{topic}.subscription.{policy} to '
                    f'{little.name.lower()}')
    return found
